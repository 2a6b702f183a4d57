import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type DeployedScript, deployWorker } from '../../src/cloudflare/deploy.js';
import type { ScriptUpload } from '../../src/cloudflare/upload-form.js';
import { SidecarError } from '../../src/protocol/index.js';
import { type Answer, type Call, cloudAccount, cloudServer, failed, ok } from '../accounts/cloud-server.js';
import { never } from '../accounts/local/fixture.js';

const SCRIPT = '/workers/scripts/app';
const text = (content: string) => new TextEncoder().encode(content);
const UPLOAD: ScriptUpload = {
  name: 'app',
  mainModule: 'index.js',
  modules: [
    { name: 'index.js', type: 'esm', content: text('export default {}') },
    { name: './page.txt', type: 'text', content: text('hello') },
    { name: './add.wasm', type: 'wasm', content: new Uint8Array([0, 97, 115, 109]) },
    { name: './bytes.bin', type: 'data', content: new Uint8Array([255, 0, 1]) },
  ],
  bindings: [
    { type: 'plain_text', name: 'HOST', text: 'example.com' },
    { type: 'inherit', name: 'KV' },
  ],
  compatibilityDate: '2026-01-01',
  compatibilityFlags: ['nodejs_compat'],
};

const NEW = failed(404, 10090);
const KNOWN = ok({ default_environment: { script: { tags: ['team:a'] } } });
const VERSION = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee';

async function deploy(
  t: TestContext,
  known: Answer,
  upload: Partial<ScriptUpload> = {},
  answers: Record<string, Answer> = {},
) {
  const all: Record<string, Answer> = {
    'GET /workers/services/app': known,
    [`PUT ${SCRIPT}`]: ok({ etag: 'e', startup_time_ms: 3, deployment_id: VERSION.replaceAll('-', '') }),
    [`POST ${SCRIPT}/versions`]: ok({
      id: VERSION,
      startup_time_ms: 4,
      resources: { script: { etag: 'f' } },
    }),
    [`POST ${SCRIPT}/deployments`]: ok({ id: 'd' }),
    [`PATCH ${SCRIPT}/script-settings`]: ok({}),
    'GET /workers/subdomain': ok({ subdomain: 'me' }),
    [`POST ${SCRIPT}/subdomain`]: ok({ enabled: true, previews_enabled: true }),
    [`PUT ${SCRIPT}/schedules`]: ok({ schedules: [] }),
    ...answers,
  };
  const keyOf = ({ method, url }: Call) => `${method} ${url.replace(/^\/accounts\/\w+|\?.*$/g, '')}`;
  const fake = await cloudServer(t, (call) => all[keyOf(call)] ?? failed(404, 7003));
  const { account } = await cloudAccount(t, fake, { limits: { attempts: 1 } });
  const api = { client: await account.client(), accountId: account.info.id };
  let result: DeployedScript | SidecarError;
  try {
    result = await deployWorker(api, { ...UPLOAD, ...upload }, { message: 'why' }, never());
  } catch (error) {
    assert.ok(error instanceof SidecarError);
    result = error;
  }
  const sent = fake.calls.map(keyOf);
  const call = (key: string) => fake.calls[sent.indexOf(key)] as Call;
  return { result, sent, call };
}

async function formOf({ body, headers }: Call): Promise<FormData> {
  return new Response(Buffer.from(body, 'latin1'), {
    headers: { 'content-type': headers['content-type'] ?? '' },
  }).formData();
}

test('the first deploy is one upload, with its modules by their types', async (t) => {
  const { result, sent, call } = await deploy(t, NEW);
  assert.deepEqual(sent, [
    'GET /workers/services/app',
    `PUT ${SCRIPT}`,
    'GET /workers/subdomain',
    `POST ${SCRIPT}/subdomain`,
  ]);
  assert.deepEqual(result, {
    version: VERSION,
    etag: 'e',
    startupTimeMs: 3,
    url: 'https://app.me.workers.dev',
    warnings: [],
  });
  const put = call(`PUT ${SCRIPT}`);
  assert.match(put.url, /\?excludeScript=true&bindings_inherit=strict$/);
  const form = await formOf(put);
  assert.deepEqual(JSON.parse(String(form.get('metadata'))), {
    main_module: 'index.js',
    bindings: UPLOAD.bindings,
    compatibility_date: '2026-01-01',
    compatibility_flags: ['nodejs_compat'],
    keep_bindings: ['secret_text', 'secret_key'],
    annotations: { 'workers/message': 'why' },
  });
  const parts = UPLOAD.modules.map(({ name }) => form.get(name) as File);
  assert.deepEqual(
    parts.map(({ type }) => type),
    ['application/javascript+module', 'text/plain', 'application/wasm', 'application/octet-stream'],
  );
  assert.deepEqual(new Uint8Array(await (parts[3] as File).arrayBuffer()), new Uint8Array([255, 0, 1]));
});

test('a redeploy is a version, its deployment, and the settings that no version carries', async (t) => {
  const { result, sent, call } = await deploy(t, KNOWN);
  assert.deepEqual(sent, [
    'GET /workers/services/app',
    `POST ${SCRIPT}/versions`,
    `POST ${SCRIPT}/deployments`,
    `PATCH ${SCRIPT}/script-settings`,
    'GET /workers/subdomain',
    `POST ${SCRIPT}/subdomain`,
  ]);
  assert.ok(!(result instanceof SidecarError));
  assert.deepEqual([result.version, result.etag, result.startupTimeMs], [VERSION, 'f', 4]);
  assert.match(call(`POST ${SCRIPT}/versions`).url, /\?bindings_inherit=strict$/);
  assert.deepEqual(JSON.parse(call(`POST ${SCRIPT}/deployments`).body), {
    strategy: 'percentage',
    versions: [{ version_id: VERSION, percentage: 100 }],
    annotations: { 'workers/message': 'why' },
  });
  assert.deepEqual(JSON.parse(call(`PATCH ${SCRIPT}/script-settings`).body), {
    observability: { enabled: false },
    tags: ['team:a'],
  });
  assert.deepEqual(JSON.parse(call(`POST ${SCRIPT}/subdomain`).body), { enabled: true });
});

test('what is configured beyond the code goes where it belongs', async (t) => {
  const settings = {
    crons: ['0 * * * *'],
    workersDev: false,
    previewUrls: false,
    keepVars: true,
    logpush: true,
    observability: { enabled: true },
    placement: { mode: 'smart' },
    limits: { cpu_ms: 50 },
    tailConsumers: [{ service: 'logs' }],
  };
  const { result, call } = await deploy(t, KNOWN, { settings });
  assert.ok(!(result instanceof SidecarError));
  assert.equal(result.url, undefined);
  const form = await formOf(call(`POST ${SCRIPT}/versions`));
  const { bindings, main_module, compatibility_date, compatibility_flags, annotations, ...metadata } =
    JSON.parse(String(form.get('metadata')));
  assert.deepEqual(metadata, {
    keep_bindings: ['plain_text', 'json', 'secret_text', 'secret_key'],
    logpush: true,
    observability: { enabled: true },
    placement: { mode: 'smart' },
    limits: { cpu_ms: 50 },
    tail_consumers: [{ service: 'logs' }],
  });
  assert.deepEqual(JSON.parse(call(`PATCH ${SCRIPT}/script-settings`).body), {
    tail_consumers: [{ service: 'logs' }],
    logpush: true,
    observability: { enabled: true },
    tags: ['team:a'],
  });
  assert.deepEqual(JSON.parse(call(`PUT ${SCRIPT}/schedules`).body), [{ cron: '0 * * * *' }]);
  assert.deepEqual(JSON.parse(call(`POST ${SCRIPT}/subdomain`).body), {
    enabled: false,
    previews_enabled: false,
  });
});

test('what fails after the code serves is a warning each', async (t) => {
  const { result } = await deploy(
    t,
    KNOWN,
    { settings: { crons: ['x'] } },
    {
      [`PATCH ${SCRIPT}/script-settings`]: failed(403, 10000),
      'GET /workers/subdomain': failed(403, 10000),
      [`PUT ${SCRIPT}/schedules`]: failed(400, 10100, {}, 'invalid cron string'),
    },
  );
  assert.ok(!(result instanceof SidecarError));
  assert.equal(result.version, VERSION);
  assert.deepEqual(
    result.warnings.map((warning) => /settings|workers\.dev|invalid cron/.exec(warning)?.[0]),
    ['settings', 'workers.dev', 'invalid cron'],
  );
  const without = await deploy(t, NEW, {}, { 'GET /workers/subdomain': failed(404, 10007) });
  assert.match(JSON.stringify(without.result), /no workers\.dev subdomain/);
});

test('a refused script changes nothing, and a version that is not deployed is named', async (t) => {
  const invalid = failed(400, 10021, {}, 'Uncaught SyntaxError');
  const refused = await deploy(t, KNOWN, {}, { [`POST ${SCRIPT}/versions`]: invalid });
  assert.equal((refused.result as SidecarError).code, 'script-invalid');
  assert.equal(refused.sent.length, 2);
  const half = await deploy(t, KNOWN, {}, { [`POST ${SCRIPT}/deployments`]: failed(500, 1) });
  assert.match((half.result as SidecarError).message, new RegExp(`${VERSION} was uploaded`));
  assert.equal((half.result as SidecarError).data.version, VERSION);
});

test('a service worker is uploaded whole each time', async (t) => {
  const modules: ScriptUpload['modules'] = [
    { name: 'worker.js', type: 'commonjs', content: text('addEventListener("fetch", () => {})') },
    { name: 'PAGE', type: 'text', content: text('hello') },
  ];
  const { sent, call } = await deploy(t, KNOWN, { mainModule: 'worker.js', modules });
  assert.equal(sent[1], `PUT ${SCRIPT}`);
  const metadata = JSON.parse(String((await formOf(call(`PUT ${SCRIPT}`))).get('metadata')));
  assert.equal(metadata.body_part, 'worker.js');
  assert.deepEqual(metadata.bindings.at(-1), { name: 'PAGE', type: 'text_blob', part: 'PAGE' });
});
