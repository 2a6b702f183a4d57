import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uploadWorker } from '../../../src/cloudflare/workers.js';
import { prepareUpload } from '../../../src/project/prepare-upload.js';
import { parseParams } from '../../../src/protocol/index.js';
import { localAccount, never } from './fixture.js';

test('a Worker in the service-worker format is deployed with the files that are its globals', async (t) => {
  const { account, api } = await localAccount(t);
  const script = `addEventListener('fetch', (event) => event.respondWith(answer()));
    async function answer() {
      const { exports } = await WebAssembly.instantiate(ADD);
      return Response.json({ name: NAME, text: TEXT, bytes: [...new Uint8Array(BYTES)], sum: exports.add(1, 2) });
    }`;
  const wasm = 'AGFzbQEAAAABBwFgAn9/AX8DAgEABwcBA2FkZAAACgkBBwAgACABags=';
  const params = parseParams('dashboard.deployWorker', {
    name: 'old',
    modules: [
      { name: 'worker.js', type: 'commonjs', content: script },
      { name: 'TEXT', type: 'text', content: 'some text' },
      { name: 'BYTES', type: 'data', content: 'AQID', encoding: 'base64' },
      { name: 'ADD', type: 'wasm', content: wasm, encoding: 'base64' },
    ],
    vars: { NAME: 'old' },
  });
  const context = { cwd: '/', account: async () => 'local' as const, signal: never(), progress: () => {} };
  await uploadWorker(api, await prepareUpload(params, context), {}, never());
  const response = await account.invoke('old', new Request('http://worker/'));
  assert.deepEqual(await response.json(), { name: 'old', text: 'some text', bytes: [1, 2, 3], sum: 3 });
});
