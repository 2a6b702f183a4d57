// Cloudflare's published schema of KV's and R2's API holds the local account's answers, those to failures too.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { localAccount } from '../accounts/local/fixture.js';

interface Operation {
  responses: Record<string, { content: Record<string, { schema: object }> }>;
}
interface OpenApi {
  paths: Record<string, Partial<Record<Method, Operation>>>;
  components: { schemas: Record<string, { properties?: Record<string, { type: string }> }> };
}
type Method = 'get' | 'put' | 'post' | 'delete';

const file = new URL('./fixtures/cloudflare-kv-r2-openapi.json', import.meta.url);
const openApi = JSON.parse(await readFile(file, 'utf8')) as OpenApi;
// The one place where this schema contradicts the official SDK, which is generated from Cloudflare's whole schema:
// the size in the answer to an upload is a text there.
const size = openApi.components.schemas['r2_put-object-result']?.properties?.size;
assert.equal(size?.type, 'integer');
size.type = 'string';

/**
 * What the schema means where it is looser than JSON Schema: `nullable` beside `oneOf` is one more alternative, and
 * the alternatives of a bulk read overlap, so that an answer may fit more than one.
 */
function loosen(schema: unknown): void {
  if (typeof schema !== 'object' || schema === null) return;
  Object.values(schema).forEach(loosen);
  if (!('oneOf' in schema)) return;
  const isNullable = 'nullable' in schema && !('type' in schema);
  Object.assign(schema, {
    anyOf: [...(schema.oneOf as object[]), ...(isNullable ? [{ enum: [null] }] : [])],
  });
  delete schema.oneOf;
  if (isNullable) delete (schema as { nullable?: boolean }).nullable;
}
loosen(openApi);

const ajv = new Ajv({ strict: false, allErrors: true });
(formats as unknown as (ajv: Ajv) => void)(ajv);
ajv.addSchema(openApi, 'api');

const { api } = await localAccount({ after });
const checked = new Set<string>();

/** Sends a request and checks the answer against what the schema says of `path` in that case. */
async function check(
  method: Method,
  path: string,
  parts: Record<string, string>,
  options: { body?: unknown; query?: object; headers?: Record<string, string> } = {},
): Promise<{ status: number; body: unknown }> {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(parts[name] ?? ''));
  const response = await api.client[method](`/accounts/${api.accountId}${filled}`, options)
    .asResponse()
    .catch((error: { status: number; error: unknown; headers: Headers }) => ({
      status: error.status,
      headers: error.headers,
      json: async () => error.error,
      text: async () => '',
    }));
  const status = response.status < 400 ? '200' : '4XX';
  const type = response.headers.get('content-type')?.split(';')[0] ?? '';
  const known = openApi.paths[path]?.[method]?.responses[status]?.content;
  assert.ok(known, `${method} ${path} ${status}`);
  checked.add(`${method} ${path} ${status}`);
  if (type !== 'application/json') {
    assert.ok(known['application/octet-stream'], `${method} ${path} answered ${type}`);
    return { status: response.status, body: await response.text() };
  }
  const body: unknown = await response.json();
  const pointer = ['paths', path, method, 'responses', status, 'content', 'application/json', 'schema'];
  const reference = pointer.map((part) =>
    encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')),
  );
  const validate = ajv.compile({ $ref: `api#/${reference.join('/')}` });
  assert.ok(
    validate(body),
    `${method} ${path} ${response.status}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(body, null, 2)}`,
  );
  return { status: response.status, body };
}

const KV = '/storage/kv/namespaces';
const VALUE = `${KV}/{namespace_id}/values/{key_name}`;
const BUCKET = '/r2/buckets/{bucket_name}';
const OBJECT = `${BUCKET}/objects/{object_key}`;
const octets = { 'content-type': 'application/octet-stream' };

test("KV's answers fit Cloudflare's schema", async () => {
  const made = await api.client.kv.namespaces.create({ account_id: api.accountId, title: 'schema' });
  const namespace_id = made.id;
  await check('get', KV, {}, { query: { order: 'title' } });
  await check(
    'put',
    VALUE,
    { namespace_id, key_name: 'plain' },
    { body: Buffer.from('text'), headers: octets },
  );
  const form = new FormData();
  form.set('value', 'with');
  form.set('metadata', '{"m":1}');
  await check(
    'put',
    VALUE,
    { namespace_id, key_name: 'a/b' },
    { body: form, query: { expiration_ttl: 600 } },
  );
  const value = await check('get', VALUE, { namespace_id, key_name: 'a/b' });
  assert.equal(value.body, 'with');
  await check('get', `${KV}/{namespace_id}/keys`, { namespace_id }, { query: { prefix: 'a' } });
  const bulk = `${KV}/{namespace_id}/bulk/get` as const;
  await check('post', bulk, { namespace_id }, { body: { keys: ['plain', 'a/b', 'none'] } });
  await check('post', bulk, { namespace_id }, { body: { keys: ['a/b', 'none'], withMetadata: true } });
  await check('delete', VALUE, { namespace_id, key_name: 'plain' });

  const missing = { namespace_id: '0'.repeat(32), key_name: 'k' };
  assert.equal((await check('get', VALUE, { namespace_id, key_name: 'none' })).status, 404);
  assert.equal((await check('get', KV, {}, { query: { per_page: 0 } })).status, 400);
  assert.equal((await check('put', VALUE, missing, { body: Buffer.from('v'), headers: octets })).status, 404);
  assert.equal((await check('delete', VALUE, missing)).status, 404);
  assert.equal((await check('get', `${KV}/{namespace_id}/keys`, missing)).status, 404);
  assert.equal((await check('post', bulk, { namespace_id }, { body: {} })).status, 400);
});

test("R2's answers fit Cloudflare's schema", async () => {
  const bucket_name = 'schema-bucket';
  await api.client.r2.buckets.create({ account_id: api.accountId, name: bucket_name });
  await check('get', '/r2/buckets', {});
  await check('get', BUCKET, { bucket_name });
  const object_key = 'folder/ü.txt';
  await check(
    'put',
    OBJECT,
    { bucket_name, object_key },
    {
      body: Buffer.from('text'),
      headers: { 'content-type': 'text/x-test', 'cf-r2-custom-metadata': '{"a":"b"}' },
    },
  );
  await check('put', OBJECT, { bucket_name, object_key: 'two' }, { body: Buffer.from('2'), headers: octets });
  await check('get', OBJECT, { bucket_name, object_key: 'two' });
  await check('get', OBJECT, { bucket_name, object_key }, { headers: { 'cf-metadata-only': 'true' } });
  await check('get', `${BUCKET}/objects`, { bucket_name }, { query: { delimiter: '/' } });
  await check('get', `${BUCKET}/objects`, { bucket_name }, { query: { per_page: 1 } });
  await check('delete', `${BUCKET}/objects`, { bucket_name }, { body: [object_key, 'two'] });

  const missing = { bucket_name: 'not-there', object_key: 'k' };
  assert.equal((await check('get', '/r2/buckets', {}, { query: { per_page: 0 } })).status, 400);
  assert.equal((await check('get', BUCKET, missing)).status, 404);
  assert.equal((await check('get', `${BUCKET}/objects`, missing)).status, 404);
  assert.equal((await check('get', OBJECT, { bucket_name, object_key: 'none' })).status, 404);
  assert.equal(
    (await check('put', OBJECT, missing, { body: Buffer.from('v'), headers: octets })).status,
    404,
  );
  assert.equal((await check('delete', `${BUCKET}/objects`, { bucket_name }, { body: {} })).status, 400);
});

test('every operation of the schema was asked, for a success and for a failure', () => {
  const all = Object.entries(openApi.paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, operation]) =>
      Object.keys(operation.responses).map((status) => `${method} ${path} ${status}`),
    ),
  );
  assert.deepEqual([...checked].sort(), all.sort());
});
