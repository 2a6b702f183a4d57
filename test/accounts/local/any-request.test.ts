// Requests of any shape to every route of the local API, over its socket: each gets an answer in Cloudflare's envelope,
// and none a 500.
import assert from 'node:assert/strict';
import { Agent, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { localRoutes } from '../../../src/accounts/local/api/index.js';
import { serveLocalApi } from '../../../src/accounts/local/api-server.js';
import { LOCAL_ACCOUNT_ID } from '../../../src/accounts/local/identity.js';
import { BASE_PATH } from '../../../src/accounts/local/router.js';
import { tailRoutes } from '../../../src/accounts/local/served-routes.js';
import { changed } from '../../support/changed.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const runs = Number(process.env.FUZZ_RUNS ?? 1);
console.log(`# seed ${seed} (FUZZ_SEED=${seed} replays it)`);

const folder = temporaryFolder();
const socketPath = join(folder, 'api.sock');
const log: string[] = [];
const server = await serveLocalApi({
  stateDir: join(folder, 's'),
  listen: { socketPath },
  log: (line) => log.push(line),
});
const agent = new Agent({ keepAlive: true });
after(async () => {
  agent.destroy();
  await server.close();
});

interface Sent {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: Uint8Array | string;
}

/** Not with `fetch`, which repairs much of what it is given. */
function send({ method, path, headers = {}, body }: Sent): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const length = { 'content-length': Buffer.byteLength(body ?? '') };
    const options = { socketPath, agent, method, path: BASE_PATH + path, headers: { ...headers, ...length } };
    const request = httpRequest(options);
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      );
    });
    request.end(body);
  });
}

async function result<T>(method: string, path: string, body: unknown): Promise<T> {
  const { status, text } = await send({ method, path, body: JSON.stringify(body) });
  assert.equal(status, 200, text);
  return (JSON.parse(text) as { result: T }).result;
}

const ACCOUNT = `/accounts/${LOCAL_ACCOUNT_ID}`;
const { id: namespace } = await result<{ id: string }>('POST', `${ACCOUNT}/storage/kv/namespaces`, {
  title: 't',
});
await result('POST', `${ACCOUNT}/r2/buckets`, { name: 'bucket' });
for (const key of ['k', '1']) {
  const bulk = `${ACCOUNT}/storage/kv/namespaces/${namespace}/bulk`;
  await result('PUT', bulk, [{ key, value: 'v', metadata: { a: 1 } }]);
  await send({ method: 'PUT', path: `${ACCOUNT}/r2/buckets/bucket/objects/${key}`, body: 'v' });
}

function upload(method: string, path: string, metadata: unknown): Sent {
  return {
    method,
    path,
    ...multipart([
      ['metadata', JSON.stringify(metadata)],
      ['m.js', 'export default {}', 'm.js', 'application/javascript+module'],
    ]),
  };
}

const BOUNDARY = '-'.repeat(20) + 'a'.repeat(20);
type Part = readonly [name: string, content: string, fileName?: string, type?: string];

function multipart(parts: readonly Part[]): Pick<Sent, 'headers' | 'body'> {
  const lines = parts.map(([name, content, fileName, type = 'text/plain']) => {
    const file = fileName === undefined ? '' : `; filename="${fileName}"`;
    return `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"${file}\r\ncontent-type: ${type}\r\n\r\n${content}\r\n`;
  });
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
    body: `${lines.join('')}--${BOUNDARY}--\r\n`,
  };
}

const seeded = await send(upload('PUT', `${ACCOUNT}/workers/scripts/w`, { main_module: 'm.js' }));
assert.equal(seeded.status, 200, seeded.text);

const word = fc.oneof(
  fc.constantFrom(
    '',
    '.',
    '..',
    'k',
    '1',
    '-1',
    '0',
    '1e400',
    'null',
    'true',
    '__proto__',
    'esm',
    'w',
    'bucket',
    namespace,
  ),
  fc.constantFrom(
    '\0',
    '\r\n',
    '\ud800',
    'ü\u{1f600}',
    '../up',
    '/abs',
    'x'.repeat(2000),
    'secret_text',
    'inherit',
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
);
const scalar = fc.oneof(word, fc.constantFrom(null, true, false, 0, -1, 1.5, 100, 1e308));
/** The names that the routes look for in bodies, as deep as they do. */
const field = fc.constantFrom(
  ...[
    'title',
    'id',
    'key',
    'keys',
    'value',
    'base64',
    'metadata',
    'expiration',
    'expiration_ttl',
    'type',
    'name',
  ],
  ...[
    'withMetadata',
    'locationHint',
    'storageClass',
    'versions',
    'version_id',
    'percentage',
    'annotations',
    'text',
  ],
  ...['enabled', 'tags', 'logpush', 'observability', 'bindings', 'compatibility_date', 'compatibility_flags'],
  ...[
    'keep_bindings',
    'main_module',
    'body_part',
    'secrets',
    'filters',
    'part',
    'namespace_id',
    'bucket_name',
  ],
  ...[
    'service',
    'workers/message',
    'search',
    'method',
    'headers',
    'sampling_rate',
    'samplingRate',
    'status',
    'strategy',
  ],
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(field, tie('value'), { maxKeys: 5 }),
  ),
}));
const code = fc.constantFrom(
  'export default {}',
  'export default {',
  '',
  'addEventListener("fetch", () => {})',
);
const metadata = fc.oneof(
  value,
  fc.dictionary(field, value, { maxKeys: 5 }).map((more) => ({ main_module: 'm.js', ...more })),
);
const fileName = fc.constantFrom('m.js', 'm.js', 'm.js', '../up.js', '/abs.js', 'ü.js', 'a b.js', '%00.js');
const body: fc.Arbitrary<Pick<Sent, 'headers' | 'body'>> = fc.oneof(
  { weight: 4, arbitrary: value.map((one) => ({ body: JSON.stringify(one) })) },
  { weight: 4, arbitrary: fc.dictionary(field, value).map((one) => ({ body: JSON.stringify(one) })) },
  { weight: 1, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 50 }).map((bytes) => ({ body: bytes })) },
  { weight: 1, arbitrary: fc.constant({ headers: { 'content-type': 'multipart/form-data' }, body: 'x' }) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(metadata, code, fileName, fc.constantFrom('metadata', 'settings'))
      .map(([about, text, file, name]) =>
        multipart([
          [name, JSON.stringify(about)],
          [file, text, file, 'application/javascript+module'],
        ]),
      ),
  },
);
const KNOWN: Record<string, readonly string[]> = {
  account: [LOCAL_ACCOUNT_ID],
  namespace: [namespace],
  bucket: ['bucket'],
  script: ['w'],
  key: ['k'],
};
const query = fc.dictionary(
  fc.constantFrom(
    ...[
      'limit',
      'prefix',
      'cursor',
      'page',
      'per_page',
      'order',
      'direction',
      'expiration',
      'expiration_ttl',
    ],
    ...['delimiter', 'start_after', 'name_contains', 'force', 'version', 'deployable'],
  ),
  word,
  { maxKeys: 3 },
);
const headers = fc.dictionary(
  fc.constantFrom(
    'range',
    'content-type',
    'cf-metadata-only',
    'cf-r2-custom-metadata',
    'cf-r2-storage-class',
    'expires',
  ),
  fc.constantFrom(
    'bytes=0-',
    'bytes=9-2',
    'bytes=-0',
    'true',
    '{}',
    '[]',
    '{"a":1}',
    'null',
    'Standard',
    'caf\xe9',
    '0',
  ),
  { maxKeys: 2 },
);

/** What each route takes, by the end of its path: a body is this with one place of it changed. */
const BODIES: Readonly<Record<string, unknown>> = {
  '/namespaces': { title: 'another' },
  '/local/kv-namespaces': { title: 'another', id: 'e'.repeat(32) },
  '/bulk': [
    { key: 'k', value: 'dg==', base64: true, expiration_ttl: 60, expiration: 0, metadata: {} },
    'k',
    { name: 'k' },
  ],
  '/bulk/delete': ['k', { name: 'k' }],
  '/bulk/get': { keys: ['k', 'none'], type: 'json', withMetadata: true },
  '/buckets': { name: 'another', locationHint: 'weur', storageClass: 'Standard' },
  '/objects': ['1', 'none'],
  '/secrets': { name: 'S', text: 't', type: 'secret_text' },
  '/secrets-bulk': { secrets: { S: { name: 'S', text: 't', type: 'secret_text' }, T: null } },
  '/deployments': {
    strategy: 'percentage',
    versions: [{ version_id: 'v', percentage: 100 }],
    annotations: { 'workers/message': 'm' },
  },
  '/subdomain': { enabled: false },
  '/schedules': [{ cron: '* * * * *' }],
  '/script-settings': { logpush: true, tags: ['t'], observability: { enabled: true } },
  '/tails': {
    filters: [
      { sampling_rate: 1 },
      { outcome: ['ok'] },
      { method: ['GET'] },
      { header: { key: 'a', query: 'b' } },
    ],
  },
};
const SETTINGS = {
  bindings: [
    { type: 'plain_text', name: 'P', text: 'p' },
    { type: 'inherit', name: 'P' },
  ],
  compatibility_date: '2026-01-01',
  compatibility_flags: ['nodejs_compat'],
  logpush: true,
};
const METADATA = {
  ...SETTINGS,
  main_module: 'm.js',
  keep_bindings: ['secret_text'],
  annotations: { 'workers/message': 'm', 'workers/tag': 't' },
  bindings: [
    { type: 'plain_text', name: 'P', text: 'p' },
    { type: 'kv_namespace', name: 'K', namespace_id: namespace },
    { type: 'r2_bucket', name: 'R', bucket_name: 'bucket' },
    { type: 'service', name: 'S', service: 'w' },
    { type: 'json', name: 'J', json: {} },
  ],
};

function bodyOf(path: string): fc.Arbitrary<Pick<Sent, 'headers' | 'body'>> {
  const form = fc
    .tuple(fc.oneof(changed(METADATA, value), metadata), code, fileName)
    .map(([about, text, file]) =>
      multipart([
        ['metadata', JSON.stringify(about)],
        ['settings', JSON.stringify(about)],
        ['value', JSON.stringify(about)],
        ['m.js', text, file, 'application/javascript+module'],
      ]),
    );
  const isForm = /scripts\/:script(\/content|\/versions|\/settings)?$|values\/:key\*$/.test(path);
  const [, valid] = Object.entries(BODIES).find(([end]) => path.endsWith(end)) ?? [];
  if (isForm) return fc.oneof({ weight: 9, arbitrary: form }, body);
  if (valid === undefined) return body;
  return fc.oneof(
    { weight: 6, arbitrary: changed(valid, value).map((one) => ({ body: JSON.stringify(one) })) },
    body,
  );
}

/** A path of a route, its places filled with what exists there, or with anything. */
function pathOf(method: string, route: string): fc.Arbitrary<string> {
  // What the other routes need is not deleted.
  const isDeletion =
    method === 'DELETE' &&
    /(namespaces\/:namespace|buckets\/:bucket|(scripts|services)\/:script)$/.test(route);
  const parts = route.split('/').map((part, at, all) => {
    if (!part.startsWith(':')) return fc.constant(part);
    if (isDeletion && at === all.length - 1) return fc.constantFrom('none', '%', '%ff', '%00');
    const known = KNOWN[part.replace(/^:|\*$/g, '')] ?? ['k'];
    const any = word.map((text) => encodeURIComponent(text.toWellFormed()) || '%20');
    return fc.oneof(
      { weight: 16, arbitrary: fc.constantFrom(...known) },
      { weight: 1, arbitrary: any },
      { weight: 1, arbitrary: fc.constantFrom('%', '%ff', '%2e%2e', '%00') },
    );
  });
  return fc.tuple(...parts).map((filled) => filled.join('/'));
}

/** Their answers are no envelope: a whole response of a Worker, a stream of events. */
const OWN_FORM = /^POST \/local\/(invoke|tails)\//;
const routes = [...Object.keys(localRoutes), ...Object.keys(tailRoutes)].filter(
  (route) => !OWN_FORM.test(route),
);

test('whatever is asked of a route, the answer is none of a defect', async () => {
  const asked = fc.constantFrom(...routes).chain((route) => {
    const [method = '', path = ''] = route.split(' ');
    return fc.record({
      method: fc.constant(method),
      path: pathOf(method, path),
      query,
      headers,
      body: bodyOf(path),
    });
  });
  const answered = fc.asyncProperty(asked, async ({ method, path, query, headers, body }) => {
    const search = new URLSearchParams(query).toString();
    const sent = { ...body, headers: { ...headers, ...body.headers } };
    const { status, text } = await send({ method, path: search ? `${path}?${search}` : path, ...sent });
    assert.ok(status >= 200 && status < 500, `${status} ${text} ${log.at(-1)}`);
    if (status >= 400) {
      const { success, errors } = JSON.parse(text) as {
        success: boolean;
        errors: { code: number; message: string }[];
      };
      assert.equal(success, false);
      assert.ok(
        errors.every((one) => one.code > 0 && one.message !== ''),
        text,
      );
    }
  });
  await fc.assert(answered, { seed, numRuns: 400 * runs, includeErrorInReport: true });
});
