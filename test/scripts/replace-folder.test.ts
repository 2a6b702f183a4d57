import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, test } from 'node:test';
import { temporaryFolder } from '../support/temporary-folder.js';

const { replaceFolder } = (await import(
  new URL('../../scripts/replace-folder.js', import.meta.url).href
)) as {
  replaceFolder(folder: string, fill: (fresh: string) => Promise<void>): Promise<void>;
};

const root = temporaryFolder();
let parent: string;
let count = 0;
beforeEach(() => {
  parent = join(root, String(count++));
  mkdirSync(join(parent, 'dist'), { recursive: true });
  writeFileSync(join(parent, 'dist', 'file'), 'old');
});

const read = () => readFileSync(join(parent, 'dist', 'file'), 'utf8');

function fill(text: string) {
  return async (folder: string) => {
    assert.equal(read(), 'old', 'readers keep the old folder meanwhile');
    mkdirSync(folder);
    writeFileSync(join(folder, 'file'), text);
  };
}

test('a folder is replaced as a whole, and nothing stays beside it', async () => {
  await replaceFolder(join(parent, 'dist'), fill('new'));
  assert.equal(read(), 'new');
  assert.deepEqual(readdirSync(parent), ['dist']);
});

test('one that cannot be filled leaves the old one', async () => {
  const failing = async (folder: string) => {
    await fill('half')(folder);
    throw new Error('no room');
  };
  await assert.rejects(replaceFolder(join(parent, 'dist'), failing), /no room/);
  assert.equal(read(), 'old');
  assert.deepEqual(readdirSync(parent), ['dist']);
});

test('what a killed build left is removed by the next one, what a living one fills is not', async () => {
  const { pid } = spawnSync(process.execPath, ['-e', '0']);
  mkdirSync(join(parent, `dist.new-${pid}`));
  mkdirSync(join(parent, `dist.new-${process.ppid}`));
  mkdirSync(join(parent, 'dist.mine'));
  await replaceFolder(join(parent, 'dist'), fill('new'));
  assert.deepEqual(readdirSync(parent).sort(), ['dist', 'dist.mine', `dist.new-${process.ppid}`]);
  assert.ok(existsSync(join(parent, 'dist', 'file')));
});
