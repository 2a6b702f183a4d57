import { SidecarError } from '../../../protocol/index.js';
import { base64Fault, kvKeyFault, textFault } from '../../../protocol/names.js';
import { ApiError, jsonBody, jsonObject, ok, readForm, wholeNumber } from '../envelope.js';
import { checkBytes, LIMITS } from '../limits.js';
import { type Call, type RouteHandler, type RouteTable, read, write } from '../router.js';
import type { KvStorage } from '../runtime.js';
import { namespaceOf } from './kv-namespaces.js';

/** So many faults of one bulk write are told. */
const MAX_TOLD_FAULTS = 10;
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
  const form = await readForm(request, 10001);
  const value = form.get('value');
  if (value === null) throw new ApiError(400, 10001, 'The form has no part named value');
  const metadata = form.get('metadata');
  const text = metadata === null || typeof metadata === 'string' ? metadata : await metadata.text();
  return {
    value: typeof value === 'string' ? new TextEncoder().encode(value) : await value.bytes(),
    ...(text !== null && { metadata: parseJson(text, 'The metadata') }),
  };
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(400, 10001, `${what} is not valid JSON`);
  }
}

interface PutOptions {
  expiration?: number;
  expirationTtl?: number;
  metadata?: unknown;
}

async function put(kv: KvStorage, namespace: string, key: string, value: Uint8Array, options: PutOptions) {
  checkOptions(value.byteLength, options);
  await kv.put(namespace, key, value, options);
}

/** @throws ApiError, SidecarError `limit-exceeded` */
function checkOptions(valueBytes: number, options: PutOptions): void {
  if (valueBytes > LIMITS.kvValueBytes) throw tooLarge(valueBytes);
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
}

/** Nothing is written unless every pair can be: those that cannot are told by their keys. */
async function putMany(kv: KvStorage, namespace: string, { request }: Call): Promise<Response> {
  const pairs = await listOf(request, 'pairs');
  const faults = pairs.map((pair) => pairFault(pair)).filter((fault) => fault !== undefined);
  if (faults.length > 0) {
    const more = faults.length > MAX_TOLD_FAULTS ? `; and ${faults.length - MAX_TOLD_FAULTS} more` : '';
    const told = faults.slice(0, MAX_TOLD_FAULTS).join('; ');
    throw new ApiError(400, 10001, `Nothing was written, because of ${told}${more}`);
  }
  for (const pair of pairs as Pair[]) {
    const value = Buffer.from(pair.value, pair.base64 === true ? 'base64' : 'utf8');
    await put(kv, namespace, pair.key, value, {
      expiration: pair.expiration,
      expirationTtl: pair.expiration_ttl,
      metadata: pair.metadata ?? undefined,
    });
  }
  return ok({ successful_key_count: pairs.length, unsuccessful_keys: [] });
}

interface Pair {
  key: string;
  value: string;
  base64?: boolean;
  expiration?: number;
  expiration_ttl?: number;
  metadata?: unknown;
}

/** What keeps a pair from being written, with its key. */
function pairFault(pair: unknown): string | undefined {
  const { key, value, base64, ...options } = (pair ?? {}) as { [name in keyof Pair]?: unknown };
  if (typeof key !== 'string') return `a pair without a key: ${JSON.stringify(pair)?.slice(0, 100)}`;
  const why = pairFaultOf(key, value, base64, options);
  return why === undefined
    ? undefined
    : `the key ${JSON.stringify(key.slice(0, LIMITS.kvKeyBytes))}, which ${why}`;
}

function pairFaultOf(key: string, value: unknown, base64: unknown, options: object): string | undefined {
  const fault = kvKeyFault(key);
  if (fault !== undefined) return fault;
  if (typeof value !== 'string') return 'has a value that is no text';
  if (base64 === true && base64Fault(value) !== undefined) return `has a value that ${base64Fault(value)}`;
  if (base64 !== true && textFault(value) !== undefined) return `has a value that ${textFault(value)}`;
  try {
    checkOptions(Buffer.byteLength(value, base64 === true ? 'base64' : 'utf8'), optionsOf(options));
  } catch (error) {
    if (error instanceof ApiError || error instanceof SidecarError) return `is refused: ${error.message}`;
    throw error;
  }
  return undefined;
}

/** @throws ApiError when a number is none. */
function optionsOf({ expiration, expiration_ttl, metadata }: { [name in keyof Pair]?: unknown }): PutOptions {
  const seconds = (value: unknown) =>
    value === undefined || value === null ? undefined : optionalNumber(String(value));
  return {
    expiration: seconds(expiration),
    expirationTtl: seconds(expiration_ttl),
    metadata: metadata ?? undefined,
  };
}

/** The body as an array that one request may have. */
async function listOf(request: Request, what: string): Promise<unknown[]> {
  const list = await jsonBody(request);
  if (!Array.isArray(list)) throw new ApiError(400, 10001, `The request body must be an array of ${what}`);
  if (list.length <= LIMITS.kvBulkPairs) return list;
  throw new ApiError(413, 10001, `${list.length} ${what}; the limit of one request is ${LIMITS.kvBulkPairs}`);
}

async function deleteMany(kv: KvStorage, namespace: string, { request }: Call): Promise<Response> {
  const keys = (await listOf(request, 'keys')).map((one) =>
    typeof one === 'object' && one ? (one as { name?: unknown }).name : one,
  );
  for (const key of keys) checkKey(key);
  for (const key of keys) await kv.delete(namespace, key as string);
  return ok({ successful_key_count: keys.length, unsuccessful_keys: [] });
}

async function getMany(kv: KvStorage, namespace: string, { request }: Call): Promise<Response> {
  const { keys, type = 'text', withMetadata = false } = await jsonObject(request);
  if (!Array.isArray(keys) || keys.length > LIMITS.kvBulkGetKeys) {
    throw new ApiError(400, 10001, `keys must be an array of at most ${LIMITS.kvBulkGetKeys}`);
  }
  for (const key of keys) checkKey(key);
  const entries = await Promise.all(keys.map((key) => readOne(kv, namespace, key, type === 'json')));
  const values = entries.map(([key, found]) => [key, withMetadata || !found ? found : found.value] as const);
  return ok({ values: Object.fromEntries(values) });
}

async function readOne(kv: KvStorage, namespace: string, key: string, json: boolean) {
  const found = await kv.get(namespace, key);
  if (!found) return [key, null] as const;
  const text = await new Response(found.body).text();
  const value: unknown = json ? parseJson(text, `The value of the key ${key}`) : text;
  return [key, { value, metadata: found.metadata ?? null, expiration: found.expiration }] as const;
}

/** @throws ApiError 414 for one that is too long, 400 for what is none. */
function checkKey(key: unknown): asserts key is string {
  if (typeof key !== 'string') {
    throw new ApiError(400, 10019, `invalid key name: ${JSON.stringify(key)?.slice(0, 100)} is no text`);
  }
  checkBytes(key, LIMITS.kvKeyBytes, 'The key', 10030, 414);
  const fault = kvKeyFault(key);
  if (fault !== undefined) throw new ApiError(400, 10019, `invalid key name: '${key}' ${fault}`);
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
