import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openCloudAccount } from '../../../src/accounts/cloud.js';
import type { Result } from '../../../src/protocol/index.js';
import { parseParams } from '../../../src/protocol/index.js';
import { createHandlers } from '../../../src/server/handlers/index.js';
import { createServices } from '../../../src/server/services.js';
import { callContext } from '../../support/call-context.js';
import { heldToContract } from '../../support/listed-errors.js';

const ID = 'ab'.repeat(16);
const BASE = `/client/v4/accounts/${ID}`;
const ok = (result: unknown) => Response.json({ success: true, errors: [], messages: [], result });
const failed = (status: number, code: number) =>
  Response.json({ success: false, errors: [{ code, message: 'no' }] }, { status });

/** Everything that is sent, by method and path, and a new account whose `fetch` answers it. */
async function cloud(answers: Record<string, (request: Request) => Response | Promise<Response>>) {
  const sent: string[] = [];
  const requests: Request[] = [];
  const original = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    const { pathname, hostname } = new URL(request.url);
    const key = `${request.method} ${hostname === 'api.cloudflare.com' ? pathname : hostname + pathname}`;
    sent.push(key);
    requests.push(request.clone());
    return answers[key]?.(request) ?? failed(404, 10007);
  };
  const credentials = { apiToken: 't', source: 'test' };
  const account = await openCloudAccount({ credentials, accountId: ID, log: () => {} });
  const handlers = heldToContract(
    createHandlers(createServices({ openAccount: async () => account, cwd: '/', log: () => {} })),
  );
  const restore = () => {
    globalThis.fetch = original;
  };
  return { account, handlers, sent, requests, restore };
}

test('a deploy to Cloudflare provisions, uploads as multipart and switches workers.dev on', async (t) => {
  const { handlers, sent, requests, restore } = await cloud({
    [`GET ${BASE}/storage/kv/namespaces`]: () => ok([]),
    [`POST ${BASE}/storage/kv/namespaces`]: () => ok({ id: 'f'.repeat(32), title: 'app-kv' }),
    [`PUT ${BASE}/workers/scripts/app`]: () =>
      ok({ id: 'app', etag: 'e', startup_time_ms: 3, deployment_id: 'v1' }),
    [`GET ${BASE}/workers/subdomain`]: () => ok({ subdomain: 'me' }),
    [`POST ${BASE}/workers/scripts/app/subdomain`]: () => ok({ enabled: true, previews_enabled: true }),
  });
  t.after(restore);
  const params = parseParams('dashboard.deployWorker', {
    name: 'app',
    script: 'export default {}',
    bindings: [{ type: 'kv_namespace', name: 'KV' }],
    message: 'hello',
  });
  const result = (await handlers['dashboard.deployWorker'](
    params,
    callContext(),
  )) as Result<'dashboard.deployWorker'>;
  assert.equal(result.url, 'https://app.me.workers.dev');
  assert.deepEqual([result.version, result.etag, result.startupTimeMs], ['v1', 'e', 3]);
  const put = requests[sent.indexOf(`PUT ${BASE}/workers/scripts/app`)] as Request;
  assert.equal(put.headers.get('authorization'), 'Bearer t');
  const form = await put.formData();
  const metadata = JSON.parse(String(form.get('metadata')));
  assert.deepEqual(metadata.bindings, [{ type: 'kv_namespace', name: 'KV', namespace_id: 'f'.repeat(32) }]);
  assert.deepEqual(metadata.annotations, { 'workers/message': 'hello' });
  assert.ok(metadata.keep_bindings.includes('secret_text'));
  const module = form.get(metadata.main_module) as File;
  assert.equal(module.type, 'application/javascript+module');
  assert.equal(await module.text(), 'export default {}');
});

test('a Worker that was uploaded but has no URL is deployed, with a warning', async (t) => {
  const { handlers, restore } = await cloud({
    [`PUT ${BASE}/workers/scripts/app`]: () => ok({ id: 'app' }),
    [`GET ${BASE}/workers/subdomain`]: () => failed(403, 10000),
  });
  t.after(restore);
  const params = parseParams('dashboard.deployWorker', { name: 'app', script: 'export default {}' });
  const result = (await handlers['dashboard.deployWorker'](
    params,
    callContext(),
  )) as Result<'dashboard.deployWorker'>;
  assert.equal(result.url, undefined);
  assert.match(result.warnings.join(), /may not be reachable/);
});

test('a Worker is invoked at its workers.dev address, which is looked up once', async (t) => {
  const { handlers, sent, restore } = await cloud({
    [`GET ${BASE}/workers/scripts/app/subdomain`]: () => ok({ enabled: true, previews_enabled: true }),
    [`GET ${BASE}/workers/subdomain`]: () => ok({ subdomain: 'me' }),
    'POST app.me.workers.dev/path': async (request) =>
      new Response(`got ${await request.text()}`, { status: 202 }),
  });
  t.after(restore);
  const params = parseParams('dashboard.invokeWorker', {
    name: 'app',
    url: '/path?q=1',
    method: 'POST',
    body: 'x',
  });
  for (let n = 0; n < 2; n += 1) {
    const { status, body } = await handlers['dashboard.invokeWorker'](params, callContext());
    assert.deepEqual([status, body], [202, 'got x']);
  }
  assert.equal(sent.length, 4);
  const unknown = parseParams('dashboard.invokeWorker', { name: 'nobody' });
  await assert.rejects(async () => handlers['dashboard.invokeWorker'](unknown, callContext()), {
    code: 'not-found',
  });
});

test('custom metadata is refused where Cloudflare has no place for it', async (t) => {
  const { handlers, sent, restore } = await cloud({});
  t.after(restore);
  const params = parseParams('r2.putObject', {
    bucket: 'bucket',
    key: 'k',
    body: 'x',
    customMetadata: { a: 'b' },
  });
  await assert.rejects(async () => handlers['r2.putObject'](params, callContext()), { code: 'unsupported' });
  assert.deepEqual(sent, []);
});
