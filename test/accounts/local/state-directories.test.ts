import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { SidecarError } from '../../../bridge/index.js';
import { FORMAT } from '../../../src/accounts/local/state/format.js';
import { seal } from '../../../src/accounts/local/state/sealed.js';
import { importLibrary } from '../../support/built.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const { TauriSidecar } = await importLibrary();
const root = temporaryFolder();
/** A directory that version 0.1.0 made, with everything that it could keep. */
const FORMAT_1 = fileURLToPath(new URL('fixtures/format-1', import.meta.url));
let count = 0;

function directory(): string {
  const path = join(root, `s${count++}`);
  cpSync(FORMAT_1, path, { recursive: true });
  return path;
}

async function started(t: TestContext, stateDir: string) {
  const sidecar = new TauriSidecar({ account: 'local', stateDir, cwd: root, autoRestart: false });
  t.after(() => sidecar.stop());
  await sidecar.start();
  return sidecar;
}

const stateOf = (folder: string) => readFileSync(join(folder, 'state.jsonl'), 'utf8');
const bodyOf = (text: string) => JSON.parse(text.split('\n')[1] ?? '');
const FIXTURE = stateOf(FORMAT_1);
const NAMESPACE: string = bodyOf(FIXTURE).kvNamespaces[0].id;

test('a directory of format 1 opens with all of its data, and is written anew at the first change alone', async (t) => {
  const stateDir = directory();
  const sidecar = await started(t, stateDir);
  const all = async () => {
    const names = (await sidecar.call('dashboard.listWorkers')).map(({ name }) => name);
    assert.deepEqual(names.sort(), ['__proto__', 'front', 'store']);
    assert.deepEqual(await sidecar.call('dashboard.listKvNamespaces'), [
      { id: NAMESPACE, title: 'notes', supportsUrlEncoding: true },
    ]);
    const keys = await sidecar.call('kv.listKeys', { namespaceId: NAMESPACE });
    assert.deepEqual(
      keys.items.map(({ name, metadata, expiration }) => [name, metadata, expiration]),
      [
        ['greeting/ü', { who: 'Zoë', n: 1 }, undefined],
        ['late', undefined, 4102444800],
        ['plain', undefined, undefined],
        ['x', undefined, undefined],
      ],
    );
    const value = await sidecar.call('kv.get', { namespaceId: NAMESPACE, key: 'greeting/ü' });
    assert.equal(value.value, 'hällo');
    const object = await sidecar.call('r2.getObject', { bucket: 'files', key: 'dir/a ü.txt' });
    assert.equal(object.body, 'content');
    const listed = await sidecar.call('r2.listObjects', { bucket: 'files' });
    assert.deepEqual(listed.items[0]?.customMetadata, { who: 'Zoë' });
    // Secrets, bindings, modules of each type and a service: the Worker in front asks the one behind.
    const { body } = await sidecar.call('dashboard.invokeWorker', { name: 'front' });
    assert.deepEqual(JSON.parse(body), [2, 'some words', 'a secret "ü"', 'v', { a: [1, null] }, 'v', 7]);
  };
  await all();
  assert.equal(stateOf(stateDir), FIXTURE);
  await sidecar.call('dashboard.createR2Bucket', { name: 'third' });
  await all();
  const { slices, ...rest } = bodyOf(stateOf(stateDir));
  const { workers, kvNamespaces, r2Buckets, createdOn } = bodyOf(FIXTURE);
  assert.deepEqual(rest, { createdOn });
  assert.deepEqual(slices.workers, { version: 1, data: { scripts: workers } });
  assert.deepEqual(slices.kv, { version: 1, data: { namespaces: kvNamespaces } });
  assert.deepEqual(
    slices.r2.data.buckets.map(({ name }: { name: string }) => name),
    [...r2Buckets.map(({ name }: { name: string }) => name), 'third'],
  );
  // Version 0.1.0 reads the number in this line, and says that it is too old.
  assert.equal(JSON.parse(stateOf(stateDir).split('\n')[0] ?? '').format, 2);
  assert.equal(readFileSync(join(stateDir, 'state.last-good.jsonl'), 'utf8'), FIXTURE);
  await sidecar.stop();
});

/** Every file of a directory but the lock, with its content. */
function contentsOf(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const paths = files.map(({ parentPath, name }) => join(parentPath, name));
  return new Map(
    paths
      .filter((path) => !path.startsWith(join(folder, 'lock')))
      .sort()
      .map((path) => [path, readFileSync(path, 'base64')]),
  );
}

test('a state that is not understood is refused in words by every call, and no file is touched', async (t) => {
  const body = bodyOf(FIXTURE);
  const newerSlice = { createdOn: '', slices: { workers: { version: 2, data: {} } } };
  const escaping = FIXTURE.replace(/"sha256":"[0-9a-f]{64}","size"/, '"sha256":"../../canary","size"');
  const cases: [string, string, (folder: string) => void][] = [
    ['unsupported', 'a newer format', (folder) => writeState(folder, seal(FORMAT + 1, body))],
    ['unsupported', 'a newer part', (folder) => writeState(folder, seal(FORMAT, newerSlice))],
    ['unsupported', 'an unknown list', (folder) => writeState(folder, seal(1, { ...body, later: [] }))],
    [
      'unsupported',
      'a newer copy',
      (folder) => writeFileSync(join(folder, 'state.last-good.jsonl'), seal(99, {})),
    ],
    ['state-corrupt', 'another shape', (folder) => writeState(folder, seal(1, { ...body, workers: {} }))],
    ['state-corrupt', 'no shape', (folder) => writeState(folder, seal(FORMAT, null))],
    ['state-corrupt', 'garbage', (folder) => writeState(folder, 'garbage')],
    ['state-corrupt', 'nothing', (folder) => writeState(folder, '')],
    ['state-corrupt', 'no file', (folder) => rmSync(join(folder, 'state.jsonl'))],
    ['state-corrupt', 'a path for a hash', (folder) => writeState(folder, seal(1, bodyOf(escaping)))],
    [
      'file-error',
      'a folder',
      (folder) => {
        rmSync(join(folder, 'state.jsonl'));
        mkdirSync(join(folder, 'state.jsonl'));
      },
    ],
    [
      'file-error',
      'a pipe',
      (folder) => {
        rmSync(join(folder, 'state.jsonl'));
        execFileSync('mkfifo', [join(folder, 'state.jsonl')]);
      },
    ],
  ];
  const canary = join(root, 'canary');
  writeFileSync(canary, 'export default {}');
  const stateDir = join(root, 'refused');
  const sidecar = await started(t, stateDir);
  for (const [code, what, spoil] of cases) {
    if (existsSync(stateDir)) rmSync(stateDir, { recursive: true });
    const folder = directory();
    spoil(folder);
    renameSync(folder, stateDir);
    const before = contentsOf(stateDir);
    for (const call of [
      () => sidecar.call('dashboard.listR2Buckets'),
      () => sidecar.call('dashboard.createR2Bucket', { name: 'another' }),
      () => sidecar.call('dashboard.invokeWorker', { name: 'store' }),
      () => sidecar.call('dashboard.deployWorker', { name: 'w', script: 'export default {}' }),
    ]) {
      await assert.rejects(call, (error: SidecarError) => {
        assert.equal(error.code, code, `${what}: ${error.message}`);
        assert.match(error.message, /state(\.last-good)?\.jsonl/);
        return true;
      });
    }
    assert.deepEqual(contentsOf(stateDir), before, what);
  }
  assert.equal(readFileSync(canary, 'utf8'), 'export default {}');
  await sidecar.stop();
});

function writeState(folder: string, text: string): void {
  writeFileSync(join(folder, 'state.jsonl'), text);
}

test('a module that is damaged is told with its Worker, and another deploy of that mends it', async (t) => {
  const stateDir = directory();
  const script = 'export default { fetch() { return new Response("one") } }';
  const sidecar = await started(t, stateDir);
  await sidecar.call('dashboard.deployWorker', { name: 'w', script });
  await sidecar.stop();
  const { scripts } = bodyOf(stateOf(stateDir)).slices.workers.data;
  const { modules } = scripts.find(({ name }: { name: string }) => name === 'w').versions[0];
  writeFileSync(join(stateDir, 'modules', modules[0].sha256), 'garbage');
  await sidecar.start();
  await assert.rejects(sidecar.call('dashboard.invokeWorker', { name: 'w' }), {
    code: 'state-corrupt',
    message: /of the Worker w .*Deploy that Worker again/,
  });
  await sidecar.call('dashboard.deployWorker', { name: 'w', script });
  assert.equal((await sidecar.call('dashboard.invokeWorker', { name: 'w' })).body, 'one');
  await sidecar.stop();
});
