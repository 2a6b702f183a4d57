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
    const { pathname } = new URL(request.url);
    if (pathname === '/empty') {
      const headers = { 'content-encoding': request.headers.get('x-in') };
      return new Response(null, { encodeBody: 'manual', headers });
    }
    if (pathname === '/breaks') {
      const pull = (controller) => (sent++ < 1 ? controller.enqueue(new Uint8Array(1000)) : controller.error(new Error('broken')));
      let sent = 0;
      return new Response(new ReadableStream({ pull }));
    }
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

const invoke = (headers: Record<string, string>, url = '/') =>
  sidecar.call('dashboard.invokeWorker', { name: 'echo', url, headers });

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

for (const encoding of ['gzip', 'br', 'deflate', 'gzip, br', 'zstd', 'none-such']) {
  test(`an empty answer with the content-encoding ${encoding} is an empty answer`, async () => {
    const { status, body } = await invoke({ 'x-in': encoding }, '/empty');
    assert.deepEqual([status, body], [200, '']);
  });
}

test('an answer that its Worker breaks off is no end of workerd, and the next one comes from the same process', async () => {
  await assert.rejects(invoke({}, '/breaks'), ({ code, message }: { code: string; message: string }) => {
    assert.equal(code, 'workerd-failed');
    assert.match(message, /^The answer of Worker echo broke off/);
    return true;
  });
  assert.equal((await invoke({ 'x-in': 'still here' })).headers['x-out'], 'still here');
});
