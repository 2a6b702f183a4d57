// A process that owns a local account until it is killed: prints a line a step.
import { openLocalAccount } from '../../../src/accounts/local/account.js';
import { createKvNamespace, putValue } from '../../../src/cloudflare/kv.js';
import { uploadWorker } from '../../../src/cloudflare/workers.js';
import { never } from './fixture.js';

const account = openLocalAccount({ stateDir: process.argv[2] ?? '', log: () => {} });
const api = { client: await account.client(), accountId: account.info.id };
const { id } = await createKvNamespace(api, 'shared', never());
await putValue(api, id, 'key', new Blob(['from the owner']), {}, never());
const script = `export default { async fetch(request, env) {
  console.log('seen', new URL(request.url).pathname);
  if (request.url.endsWith('/hang')) await env.KV.put('begun', '1');
  if (request.url.endsWith('/hang')) await new Promise(() => setTimeout(() => {}, 1e6));
  return new Response(await env.KV.get('key'));
} }`;
const modules = [{ name: 'index.js', type: 'esm' as const, content: new TextEncoder().encode(script) }];
const bindings = [{ type: 'kv_namespace' as const, name: 'KV', namespace_id: id }];
await uploadWorker(
  api,
  {
    name: 'shared',
    mainModule: 'index.js',
    modules,
    bindings,
    compatibilityDate: '2026-01-01',
    compatibilityFlags: [],
  },
  {},
  never(),
);
process.stdout.write(`${JSON.stringify({ namespace: id })}\n`);
process.stdin.resume();
process.stdin.on('end', () => void account.close().then(() => process.stdout.write('closed\n')));
