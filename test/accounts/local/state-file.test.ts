import assert from 'node:assert/strict';
import { readdir, readFile, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { emptyState } from '../../../src/accounts/local/state.js';
import { StateFile } from '../../../src/accounts/local/state-file.js';
import type { SidecarError } from '../../../src/protocol/index.js';
import { localAccount, noRuntime, temporaryFolder } from './fixture.js';

const bucket = (name: string) => ({ name, createdOn: '2026-01-01T00:00:00.000Z', storageClass: 'Standard' });

test('a new directory has an empty state, and what was saved is loaded', async (t) => {
  const folder = join(await temporaryFolder(t), 'state');
  const file = new StateFile(folder);
  assert.deepEqual((await file.load()).workers.scripts, []);
  const state = { ...emptyState(), r2: { buckets: [bucket('first')] } };
  await file.save(state);
  assert.deepEqual(await file.load(), state);
  assert.equal((await stat(file.path)).mode & 0o777, 0o600);
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
});

test('a damaged, cut or removed state file is refused, and the last good copy is named', async (t) => {
  const file = new StateFile(await temporaryFolder(t));
  const first = { ...emptyState(), r2: { buckets: [bucket('first')] } };
  const second = { ...emptyState(), r2: { buckets: [bucket('first'), bucket('second')] } };
  await file.save(first);
  await file.save(second);
  const whole = await readFile(file.path, 'utf8');
  const damages = [
    () => writeFile(file.path, whole.replace('second', 'secind')),
    () => truncate(file.path, whole.length - 5),
    () => writeFile(file.path, ''),
    () => writeFile(file.path, 'not a state'),
    () => unlink(file.path),
  ];
  for (const damage of damages) {
    await damage();
    await assert.rejects(file.load(), (error: SidecarError) => {
      assert.equal(error.code, 'state-corrupt');
      assert.match(error.message, /state\.last-good\.jsonl/);
      assert.equal(error.data.path, file.path);
      assert.equal(error.data.lastGoodPath, file.lastGoodPath);
      return true;
    });
  }
  assert.deepEqual(await file.loadLastGood(), first);
});

test('a state of a newer version is refused as such', async (t) => {
  const file = new StateFile(await temporaryFolder(t));
  await writeFile(file.path, '{"format":99,"sha256":""}\n{}\n');
  await assert.rejects(file.load(), { code: 'unsupported' });
});

test('a call on an account with a corrupt state says so, and works once the copy was put back', async (t) => {
  const folder = await temporaryFolder(t);
  const file = new StateFile(folder);
  await file.save({ ...emptyState(), r2: { buckets: [bucket('first')] } });
  await file.save({ ...emptyState(), r2: { buckets: [bucket('first'), bucket('second')] } });
  await writeFile(file.path, 'garbage');
  const { listR2Buckets } = await import('../../../src/cloudflare/r2.js');
  const { api } = await localAccount(t, { stateDir: folder, createRuntime: noRuntime });
  const signal = new AbortController().signal;
  await assert.rejects(listR2Buckets(api, signal), { code: 'state-corrupt' });
  await writeFile(file.path, await readFile(file.lastGoodPath));
  assert.deepEqual(
    (await listR2Buckets(api, signal)).map(({ name }) => name),
    ['first'],
  );
});

test('drafts of processes that were killed are removed, and no file that is only called like them', async (t) => {
  const file = new StateFile(await temporaryFolder(t));
  await file.save(emptyState());
  const others = [
    'state.jsonl.tmp',
    'state.jsonl.backup.tmp',
    'state.jsonl.0123456789abcdef',
    'state.jsonl~',
  ];
  for (const name of [...others, 'state.jsonl.0123456789abcdef.tmp'])
    await writeFile(join(file.path, '..', name), 'x');
  await file.load();
  assert.deepEqual((await readdir(join(file.path, '..'))).sort(), ['state.jsonl', ...others].sort());
});
