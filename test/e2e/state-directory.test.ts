// A state directory that is copied or taken away while an app uses it, by the way that an app takes.
import assert from 'node:assert/strict';
import { cpSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TauriSidecar } from '../../bridge/index.js';
import { importLibrary } from '../support/built.js';
import { descendantsOf, untilGone } from '../support/process-tree.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { HANG_MS } from '../support/until.js';

const folder = temporaryFolder();
const { TauriSidecar: Sidecar } = await importLibrary();

async function startOn(stateDir: string): Promise<TauriSidecar> {
  const sidecar = new Sidecar({ account: 'local', stateDir, startTimeout: HANG_MS });
  await sidecar.start();
  return sidecar;
}

const bucketsOf = async (sidecar: TauriSidecar) =>
  (await sidecar.call('dashboard.listR2Buckets')).map(({ name }) => name);
const storedIn = async (sidecar: TauriSidecar) =>
  (await sidecar.call('r2.getObject', { bucket: 'first', key: 'key' })).body;

test('a copy has a life of its own; a moved directory is whole at its new place, and its old user is told', {
  skip: process.platform !== 'linux' && 'reads /proc',
}, async () => {
  const [path, copy, moved] = [join(folder, 'state'), join(folder, 'copy'), join(folder, 'moved')];
  const app = await startOn(path);
  await app.call('dashboard.createR2Bucket', { name: 'first' });
  await app.call('r2.putObject', { bucket: 'first', key: 'key', body: 'value' });

  cpSync(path, copy, { recursive: true, filter: (source) => !statSync(source).isSocket() });
  const backup = await startOn(copy);
  await backup.call('dashboard.createR2Bucket', { name: 'in-the-copy' });
  assert.deepEqual(await bucketsOf(app), ['first']);
  await backup.stop();

  const workerd = descendantsOf(app.pid ?? 0).filter(({ command }) => command.includes('workerd'));
  assert.ok(workerd.length > 0);
  renameSync(path, moved);
  // Within a second, and nobody calls.
  await untilGone(workerd.map(({ pid }) => pid));
  const next = await startOn(moved);
  assert.deepEqual(await bucketsOf(next), ['first']);
  assert.equal(await storedIn(next), 'value');
  await assert.rejects(bucketsOf(app), { code: 'state-moved' });
  await app.call('dashboard.createR2Bucket', { name: 'anew' });
  assert.deepEqual(await bucketsOf(app), ['anew']);
  assert.deepEqual(await bucketsOf(next), ['first']);
  await Promise.all([app.stop(), next.stop()]);
});
