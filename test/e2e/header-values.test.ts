import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TauriSidecar } from '../../bridge/index.js';
import { importLibrary } from '../support/built.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const folder = temporaryFolder();
const library = await importLibrary();
let sidecar: TauriSidecar;

const SCRIPT = `export default {
  fetch(request) {
    const headers = new Headers({ 'x-out': request.headers.get('x-in') ?? '' });
    const count = Number(request.headers.get('x-count') ?? 0);
    for (let i = 0; i < count; i++) headers.set('x-' + i, 'v');
    return Response.json(request.headers.get('x-in'), { headers });
  },
};`;

before(async () => {
  sidecar = new library.TauriSidecar({ account: 'local', stateDir: join(folder, 's') });
  await sidecar.start();
  await sidecar.call('dashboard.deployWorker', { name: 'echo', script: SCRIPT });
});
after(() => sidecar.stop());

const invoke = (headers: Record<string, string>) =>
  sidecar.call('dashboard.invokeWorker', { name: 'echo', headers });

for (const value of ['plain', 'café', '日本', 'naïve – “quoted” 🎉', '\u00ff', 'a\tb']) {
  test(`a header's value ${JSON.stringify(value)} reaches the Worker, and comes back`, async () => {
    const { headers, body } = await invoke({ 'x-in': value });
    assert.deepEqual([JSON.parse(body), headers['x-out']], [value, value]);
  });
}

for (const value of ['a\r\nx-injected: 1', 'a\0b', 'a\nb']) {
  test(`a header's value ${JSON.stringify(value)} is refused`, async () => {
    await assert.rejects(invoke({ 'x-in': value }), { code: 'invalid-params' });
  });
}

test('thousands of short headers arrive, each of them', async () => {
  const { headers } = await invoke({ 'x-count': '2500' });
  assert.equal(Object.keys(headers).filter((name) => /^x-\d+$/.test(name)).length, 2500);
});
