import { SidecarError } from '../../../protocol/index.js';
import { ApiError, jsonBody, jsonObject, ok, wholeNumber } from '../envelope.js';
import { checkBytes, LIMITS } from '../limits.js';
import { type Call, type RouteHandler, type RouteTable, read, write } from '../router.js';
import type { KvStorage } from '../runtime.js';
import { namespaceOf } from './kv-namespaces.js';

const NAMESPACE = '/accounts/:account/storage/kv/namespaces/:namespace';

/** The keys and values of KV namespaces. */
export const kvKeyRoutes: RouteTable = {
  [`GET ${NAMESPACE}/keys`]: read(on(listKeys)),
  [`GET ${NAMESPACE}/values/:key*`]: read(on(getValue)),
  [`PUT ${NAMESPACE}/values/:key*`]: write(on(putValue)),
  [`DELETE ${NAMESPACE}/values/:key*`]: write(
    on(async (kv, namespace, { params }) => {
      await kv.delete(namespace, params.key ?? '');
      return ok(null);
    }),
  ),
  [`GET ${NAMESPACE}/metadata/:key*`]: read(on(getMetadata)),
  [`PUT ${NAMESPACE}/bulk`]: write(on(putMany)),
  [`DELETE ${NAMESPACE}/bulk`]: write(on(deleteMany)),
  [`POST ${NAMESPACE}/bulk/delete`]: write(on(deleteMany)),
  [`POST ${NAMESPACE}/bulk/get`]: read(on(getMany)),
};

/** A route of one namespace. */
function on(handler: (kv: KvStorage, namespace: string, call: Call) => Promise<Response>): RouteHandler {
  return async (call, services) => {
    const { id } = namespaceOf(services, call.params.namespace);
    if (call.params.key !== undefined) checkKey(call.params.key);
    return handler((await services.storage()).kv, id, call);
  };
}

async function listKeys(kv: KvStorage, namespace: string, { url }: Call): Promise<Response> {
  const limit = wholeNumber(url, 'limit', 1000, 10, 1000);
  const prefix = url.searchParams.get('prefix') ?? undefined;
  const cursor = url.searchParams.get('cursor') || undefined;
  const page = await kv.list(namespace, { limit, prefix, cursor });
  return ok(page.keys, { count: page.keys.length, cursor: page.cursor ?? '' });
}

async function getValue(kv: KvStorage, namespace: string, { params }: Call): Promise<Response> {
  const found = await kv.get(namespace, params.key ?? '');
  if (!found) throw noKey(params.key);
  const headers = new Headers({ 'content-type': 'application/octet-stream' });
  if (found.expiration !== undefined) headers.set('expiration', String(found.expiration));
  return new Response(found.body, { headers });
}

async function getMetadata(kv: KvStorage, namespace: string, { params }: Call): Promise<Response> {
  const found = await kv.get(namespace, params.key ?? '');
  if (!found) throw noKey(params.key);
  await found.body.cancel();
  return ok(found.metadata ?? null);
}

async function putValue(kv: KvStorage, namespace: string, { params, request, url }: Call): Promise<Response> {
  const lifetime = {
    expiration: optionalNumber(url.searchParams.get('expiration')),
    expirationTtl: optionalNumber(url.searchParams.get('expiration_ttl')),
  };
  const { value, metadata } = await readValue(request);
  await put(kv, namespace, params.key ?? '', value, { ...lifetime, metadata });
  return ok(null);
}

async function readValue(request: Request): Promise<{ value: Uint8Array; metadata?: unknown }> {
  const declared = Number(request.headers.get('content-length') ?? 0);
  if (declared > LIMITS.kvValueBytes + 64 * 1024) throw tooLarge(declared);
  if (!request.headers.get('content-type')?.startsWith('multipart/form-data')) {
    return { value: new Uint8Array(await request.arrayBuffer()) };
  }
  const form = await request.formData();
  const value = form.get('value');
  if (value === null) throw new ApiError(400, 10001, 'The form has no part named value');
  const metadata = form.get('metadata');
  const text = metadata === null || typeof metadata === 'string' ? metadata : await metadata.text();
  return {
    value: typeof value === 'string' ? new TextEncoder().encode(value) : await value.bytes(),
    ...(text !== null && { metadata: parseMetadata(text) }),
  };
}

function parseMetadata(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(400, 10001, 'The metadata is not valid JSON');
  }
}

interface PutOptions {
  expiration?: number;
  expirationTtl?: number;
  metadata?: unknown;
}

async function put(kv: KvStorage, namespace: string, key: string, value: Uint8Array, options: PutOptions) {
  if (value.byteLength > LIMITS.kvValueBytes) throw tooLarge(value.byteLength);
  if (options.metadata !== undefined) {
    checkBytes(JSON.stringify(options.metadata), LIMITS.kvMetadataBytes, 'The metadata', 10028, 413);
  }
  const { expirationTtl } = options;
  const min = LIMITS.kvMinTtlSeconds;
  if (expirationTtl !== undefined && !(expirationTtl >= min)) {
    throw new ApiError(400, 10033, `expiration_ttl must be at least ${min} seconds, not ${expirationTtl}`);
  }
  if (
    expirationTtl === undefined &&
    options.expiration !== undefined &&
    options.expiration < Date.now() / 1000 + min
  ) {
    throw new ApiError(
      400,
      10033,
      `expiration must be at least ${min} seconds from now, not ${options.expiration}`,
    );
  }
  await kv.put(namespace, key, value, options);
}

async function putMany(kv: KvStorage, namespace: string, { request }: Call): Promise<Response> {
  const pairs = (await jsonBody(request)) as Record<string, unknown>[];
  if (!Array.isArray(pairs)) throw new ApiError(400, 10001, 'The request body must be an array of pairs');
  if (pairs.length > LIMITS.kvBulkPairs) {
    throw new ApiError(
      413,
      10001,
      `${pairs.length} pairs; the limit of one request is ${LIMITS.kvBulkPairs}`,
    );
  }
  for (const { key } of pairs) checkKey(String(key));
  for (const pair of pairs) {
    const value = Buffer.from(String(pair.value ?? ''), pair.base64 === true ? 'base64' : 'utf8');
    await put(kv, namespace, String(pair.key), value, {
      expiration: pair.expiration as number | undefined,
      expirationTtl: pair.expiration_ttl as number | undefined,
      metadata: pair.metadata ?? undefined,
    });
  }
  return ok({ successful_key_count: pairs.length, unsuccessful_keys: [] });
}

async function deleteMany(kv: KvStorage, namespace: string, { request }: Call): Promise<Response> {
  const keys = await jsonBody(request);
  if (!Array.isArray(keys)) throw new ApiError(400, 10001, 'The request body must be an array of keys');
  if (keys.length > LIMITS.kvBulkPairs) {
    throw new ApiError(413, 10001, `${keys.length} keys; the limit of one request is ${LIMITS.kvBulkPairs}`);
  }
  for (const key of keys) await kv.delete(namespace, String(typeof key === 'object' && key ? key.name : key));
  return ok({ successful_key_count: keys.length, unsuccessful_keys: [] });
}

async function getMany(kv: KvStorage, namespace: string, { request }: Call): Promise<Response> {
  const { keys, type = 'text', withMetadata = false } = await jsonObject(request);
  if (!Array.isArray(keys) || keys.length > LIMITS.kvBulkGetKeys) {
    throw new ApiError(400, 10001, `keys must be an array of at most ${LIMITS.kvBulkGetKeys}`);
  }
  const entries = await Promise.all(keys.map((key) => readOne(kv, namespace, String(key), type === 'json')));
  const values = entries.map(([key, found]) => [key, withMetadata || !found ? found : found.value] as const);
  return ok({ values: Object.fromEntries(values) });
}

async function readOne(kv: KvStorage, namespace: string, key: string, json: boolean) {
  const found = await kv.get(namespace, key);
  if (!found) return [key, null] as const;
  const text = await new Response(found.body).text();
  const value: unknown = json ? JSON.parse(text) : text;
  return [key, { value, metadata: found.metadata ?? null, expiration: found.expiration }] as const;
}

function checkKey(key: string): void {
  if (key === '' || key === '.' || key === '..') throw new ApiError(400, 10019, `invalid key name: '${key}'`);
  checkBytes(key, LIMITS.kvKeyBytes, 'The key', 10030, 414);
}

function optionalNumber(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  const value = Number(text);
  if (Number.isInteger(value)) return value;
  throw new ApiError(400, 10033, `An expiration is a whole number of seconds, not ${text}`);
}

function tooLarge(bytes: number): SidecarError {
  return new SidecarError(
    'limit-exceeded',
    `The value has ${bytes} bytes; a KV value has at most ${LIMITS.kvValueBytes}.`,
    { data: { bytes, limitBytes: LIMITS.kvValueBytes } },
  );
}

function noKey(key: string | undefined): ApiError {
  return new ApiError(404, 10009, `get: 'key not found': ${key}`);
}
