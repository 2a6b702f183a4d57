import assert from 'node:assert/strict';
import fs from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { bytes, fixture, textOf } from './runtime-fixture.js';

const NAMESPACE = '0123456789abcdef0123456789abcdef';
const LARGE = new Uint8Array(100_000);

/** Makes every disk look as if it had `free` bytes left. */
function freeBytes(context: TestContext, free: number): void {
  const { statfs } = fs.promises;
  fs.promises.statfs = (async () => ({ bavail: free, bsize: 1 })) as unknown as typeof statfs;
  syncBuiltinESMExports();
  context.after(() => {
    fs.promises.statfs = statfs;
    syncBuiltinESMExports();
  });
}

test('a write that fails for want of room says that the disk is full, and any other does not', async (context) => {
  const { runtime, stateDir } = await fixture(context);
  await runtime.kv.put(NAMESPACE, 'kept', LARGE);
  await runtime.r2.put('b', 'kept', bytes('kept'));
  const kvBlobs = join(stateDir, 'storage', 'kv-blobs');
  const folders = [
    join(kvBlobs, (await readdir(kvBlobs))[0] ?? '', 'b'),
    join(stateDir, 'storage', 'r2-blobs', 'b', 'blobs'),
  ];
  // A file in a folder's place fails the write as a full disk does, without the rights that filling one needs.
  for (const folder of folders) {
    await rm(folder, { recursive: true });
    await writeFile(folder, '');
  }
  const writes = [
    () => runtime.kv.put(NAMESPACE, 'k', LARGE),
    () => runtime.r2.put('b', 'k', LARGE),
    () => runtime.r2.put('b', 'k', new Blob([LARGE]).stream(), { size: LARGE.byteLength }),
  ];
  for (const write of writes) await assert.rejects(write(), { code: 'workerd-failed' });
  freeBytes(context, 50_000);
  for (const write of writes) {
    await assert.rejects(write(), { code: 'file-error', message: /the disk is full \(ENOSPC\)/ });
  }
  await runtime.kv.put(NAMESPACE, 'small', bytes('inline'));
  assert.equal(await textOf((await runtime.kv.get(NAMESPACE, 'small'))?.body), 'inline');
});
