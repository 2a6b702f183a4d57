import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { TauriSidecar } from '../../bridge/index.js';

test('the sources run as they are: library, thread and CLI', async (t) => {
  const stateDir = await mkdtemp(join(tmpdir(), 'fluorite-bridge-'));
  const sidecar = new TauriSidecar({ account: 'local', stateDir });
  t.after(async () => {
    await sidecar.stop();
    await rm(stateDir, { recursive: true, force: true });
  });
  await sidecar.start();
  assert.equal((await sidecar.call('system.ping', { payload: 'é' })).payload, 'é');
  assert.equal((await sidecar.remote.call('system.version')).node, process.versions.node);
});
