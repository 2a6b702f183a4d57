import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ModuleStore } from '../../../src/accounts/local/module-store.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const root = temporaryFolder();
const content = Buffer.from('export default {}');
const module = (sha256: string) => ({ name: 'index.js', type: 'esm' as const, sha256, size: content.length });

test('what lies in the place of a module and is none is told, and the next write mends it', async () => {
  const spoils: Record<string, (path: string) => void> = {
    garbage: (path) => writeFileSync(path, 'garbage'),
    empty: (path) => writeFileSync(path, ''),
    gone: () => {},
    pipe: (path) => execFileSync('mkfifo', [path]),
    folder: (path) => mkdirSync(path),
  };
  for (const [name, spoil] of Object.entries(spoils)) {
    const folder = join(root, name);
    const store = new ModuleStore(folder);
    const sha256 = await store.write(content);
    const path = join(folder, 'modules', sha256);
    assert.deepEqual(await store.read('w', module(sha256)), content);
    rmSync(path);
    spoil(path);
    await assert.rejects(store.read('w', module(sha256)), {
      code: 'state-corrupt',
      data: { path, workerName: 'w' },
    });
    // A folder is not replaced by a file.
    if (name === 'folder') await assert.rejects(store.write(content), { code: 'file-error' });
    else {
      await store.write(content);
      assert.deepEqual(await store.read('w', module(sha256)), content);
    }
  }
});

test('a hash that is none leads nowhere', async () => {
  const store = new ModuleStore(join(root, 'escape'));
  await store.write(content);
  writeFileSync(join(root, 'canary'), 'x');
  for (const odd of [
    '../../canary',
    '..',
    '',
    '/etc/passwd',
    `${'0'.repeat(63)}/`,
    '0'.repeat(65),
    'A'.repeat(64),
  ])
    await assert.rejects(store.read('w', module(odd)), { code: 'state-corrupt', message: /is no SHA-256/ });
});

test('a sweep removes contents that nobody mentions and drafts of the killed, and nothing else', async () => {
  const folder = join(root, 'sweep');
  const store = new ModuleStore(folder);
  const sha256 = await store.write(content);
  const others = ['notes.txt', 'a folder', `${sha256}.bak`, '0'.repeat(63)];
  for (const name of others) mkdirSync(join(folder, 'modules', name));
  writeFileSync(join(folder, 'modules', `${sha256}.0123456789abcdef.tmp`), 'draft');
  await store.sweep([undefined]);
  assert.deepEqual(readdirSync(join(folder, 'modules')).sort(), [...others].sort());
});
