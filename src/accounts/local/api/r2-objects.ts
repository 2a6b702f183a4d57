import type {
  ObjectDeleteResponse,
  ObjectListResponse,
  ObjectUploadResponse,
} from 'cloudflare/resources/r2/buckets/objects';
import {
  asciiJson,
  CUSTOM_METADATA_HEADER,
  httpMetadataHeaders,
  httpMetadataOf,
  STORAGE_CLASS_HEADER,
} from '../../../cloudflare/r2-headers.js';
import { SidecarError } from '../../../protocol/index.js';
import { ApiError, jsonBody, ok, wholeNumber } from '../envelope.js';
import { checkBytes, LIMITS } from '../limits.js';
import { type Call, type RouteHandler, type RouteTable, read, write } from '../router.js';
import type { R2ObjectInfo, R2Storage } from '../runtime.js';
import { bucketOf } from './r2-buckets.js';

const OBJECTS = '/accounts/:account/r2/buckets/:bucket/objects';

/** The objects of R2 buckets. */
export const r2ObjectRoutes: RouteTable = {
  [`GET ${OBJECTS}`]: read(on(listObjects)),
  [`DELETE ${OBJECTS}`]: write(on(deleteMany)),
  [`GET ${OBJECTS}/:key*`]: read(on(getObject)),
  [`PUT ${OBJECTS}/:key*`]: write(on(putObject)),
  [`DELETE ${OBJECTS}/:key*`]: write(
    on(async (r2, bucket, { params }) => {
      await r2.delete(bucket, [params.key ?? '']);
      return ok({ key: params.key } satisfies ObjectDeleteResponse);
    }),
  ),
};

/** A route of one bucket. */
function on(handler: (r2: R2Storage, bucket: string, call: Call) => Promise<Response>): RouteHandler {
  return async (call, services) => {
    const { name } = bucketOf(services, call.params.bucket);
    if (call.params.key !== undefined) checkBytes(call.params.key, LIMITS.r2KeyBytes, 'The key', 10020, 414);
    return handler((await services.storage()).r2, name, call);
  };
}

async function listObjects(r2: R2Storage, bucket: string, { url }: Call): Promise<Response> {
  const page = await r2.list(bucket, {
    limit: wholeNumber(url, 'per_page', 1000, 1, 1000),
    prefix: url.searchParams.get('prefix') || undefined,
    delimiter: url.searchParams.get('delimiter') || undefined,
    cursor: url.searchParams.get('cursor') || undefined,
    startAfter: url.searchParams.get('start_after') || undefined,
  });
  return ok(page.objects.map(describe), {
    cursor: page.cursor ?? '',
    is_truncated: String(page.cursor !== undefined), // A text, says Cloudflare's schema.
    delimited: page.delimitedPrefixes,
  });
}

type StorageClass = ObjectListResponse['storage_class'];

function describe(object: R2ObjectInfo): ObjectListResponse {
  return {
    key: object.key,
    size: object.size,
    etag: object.etag,
    last_modified: new Date(object.uploaded).toISOString(),
    http_metadata: object.httpMetadata,
    custom_metadata: object.customMetadata,
    storage_class: object.storageClass as StorageClass,
  };
}

async function getObject(r2: R2Storage, bucket: string, { params, request }: Call): Promise<Response> {
  const range = request.headers.get('range') ?? undefined;
  const metadataOnly = request.headers.get('cf-metadata-only') === 'true';
  const key = params.key ?? '';
  if (metadataOnly) {
    const object = await r2.head(bucket, key);
    if (!object) throw noObject(key);
    return ok(describe(object));
  }
  const found = await r2.get(bucket, key, { range }).catch(asUnsatisfiable);
  if (!found) throw noObject(key);
  const headers = headersOf(found.object);
  if (!found.range || found.range.length === found.object.size) {
    headers.set('content-length', String(found.object.size));
    return new Response(found.body, { headers });
  }
  const { offset, length } = found.range;
  headers.set('content-length', String(length));
  headers.set('content-range', `bytes ${offset}-${offset + length - 1}/${found.object.size}`);
  return new Response(found.body, { status: 206, headers });
}

/** As Cloudflare answers a range that no byte of the object is in. */
function asUnsatisfiable(error: unknown): never {
  if (error instanceof SidecarError && error.data.status === 416)
    throw new ApiError(416, 10039, error.message);
  throw error;
}

function headersOf(object: R2ObjectInfo): Headers {
  const headers = new Headers({
    'content-type': 'application/octet-stream',
    etag: `"${object.etag}"`,
    'last-modified': new Date(object.uploaded).toUTCString(),
    [STORAGE_CLASS_HEADER]: object.storageClass,
    ...httpMetadataHeaders(object.httpMetadata),
  });
  if (Object.keys(object.customMetadata).length > 0) {
    headers.set(CUSTOM_METADATA_HEADER, asciiJson(object.customMetadata));
  }
  return headers;
}

async function putObject(r2: R2Storage, bucket: string, { params, request }: Call): Promise<Response> {
  const length = request.headers.get('content-length');
  const size = length === null ? undefined : Number(length);
  if (size !== undefined && size > LIMITS.r2UploadBytes) {
    throw new SidecarError(
      'limit-exceeded',
      `The object has ${size} bytes; one upload takes at most ${LIMITS.r2UploadBytes}.`,
      { data: { bytes: size, limitBytes: LIMITS.r2UploadBytes } },
    );
  }
  const stored = await r2.put(bucket, params.key ?? '', request.body ?? new Uint8Array(), {
    size,
    ...metadataOf(request.headers),
    storageClass: request.headers.get(STORAGE_CLASS_HEADER) ?? 'Standard',
    signal: request.signal,
  });
  return ok({
    key: stored.key,
    etag: stored.etag,
    size: String(stored.size),
    uploaded: new Date(stored.uploaded).toISOString(),
    storage_class: stored.storageClass as StorageClass,
    version: stored.version,
  } satisfies ObjectUploadResponse);
}

/** @throws ApiError 400, or 413 when it is larger than R2 allows. */
function metadataOf(headers: Headers) {
  const custom = headers.get(CUSTOM_METADATA_HEADER);
  const { cacheExpiry, ...fields } = httpMetadataOf(headers);
  const isTime = cacheExpiry !== undefined && !Number.isNaN(Date.parse(cacheExpiry));
  const httpMetadata: Record<string, string> = { ...fields, ...(isTime && { cacheExpiry }) };
  const customMetadata = custom === null ? {} : parseCustomMetadata(custom);
  for (const texts of [Object.values(httpMetadata), Object.entries(customMetadata).flat()]) {
    checkBytes(texts.join(''), LIMITS.r2MetadataBytes, 'The metadata', 10012, 413);
  }
  return { httpMetadata, customMetadata };
}

function parseCustomMetadata(text: string): Record<string, string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined; // Told below.
  }
  const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  if (!isObject) throw new ApiError(400, 10001, `${CUSTOM_METADATA_HEADER} is not a JSON object`);
  return Object.fromEntries(Object.entries(parsed as object).map(([name, value]) => [name, String(value)]));
}

async function deleteMany(r2: R2Storage, bucket: string, { request }: Call): Promise<Response> {
  const keys = await jsonBody(request);
  if (!Array.isArray(keys)) throw new ApiError(400, 10001, 'The request body must be an array of keys');
  if (keys.length > LIMITS.r2DeleteKeys) {
    throw new ApiError(400, 10029, `${keys.length} keys; one request deletes at most ${LIMITS.r2DeleteKeys}`);
  }
  await r2.delete(bucket, keys.map(String));
  return ok(keys.map((key) => ({ key: String(key) })));
}

function noObject(key: string): ApiError {
  return new ApiError(404, 10007, `The specified key does not exist: ${key}`);
}
