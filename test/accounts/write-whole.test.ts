import assert from 'node:assert/strict';
import fs from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { writeWhole } from '../../src/accounts/write-whole.js';
import { temporaryFolder } from './local/fixture.js';

/** Runs with the flush of `folder`, and of nothing else, failing with `code`; without one it succeeds. */
function watchFlushes(t: TestContext, folder: string, code?: string): string[] {
  const flushed: string[] = [];
  const { open, rename } = fs.promises;
  t.mock.method(fs.promises, 'rename', async (from: string, to: string) => {
    await rename(from, to);
    flushed.push('renamed');
  });
  t.mock.method(fs.promises, 'open', async (path: string, ...rest: [string, number]) => {
    const handle = await open(path, ...rest);
    const sync = handle.sync.bind(handle);
    handle.sync = async () => {
      if (path === folder && code !== undefined) throw Object.assign(new Error(code), { code });
      await sync();
      flushed.push(path === folder ? 'folder' : 'file');
    };
    return handle;
  });
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  return flushed;
}

test('the file is flushed, renamed, and then its folder is flushed', async (t) => {
  const folder = await temporaryFolder(t);
  const flushed = watchFlushes(t, folder);
  await writeWhole(join(folder, 'a'), 'content');
  assert.deepEqual(flushed, ['file', 'renamed', 'folder']);
});

test('a file system that flushes no folders is used all the same, and a failing one is told', async (t) => {
  const folder = await temporaryFolder(t);
  for (const [code, fails] of [
    ['EINVAL', false],
    ['EIO', true],
  ] as const) {
    await t.test(code, async (t) => {
      watchFlushes(t, folder, code);
      const written = writeWhole(join(folder, 'a'), code);
      await (fails ? assert.rejects(written, { code }) : written);
    });
    assert.equal(await readFile(join(folder, 'a'), 'utf8'), code);
  }
  assert.deepEqual(await readdir(folder), ['a']);
});
