import type { ObjectUploadResponse } from 'cloudflare/resources/r2/buckets/objects';
import { type R2Bucket, type R2HttpMetadata, type R2Object, SidecarError } from '../protocol/index.js';
import type { Api } from './client.js';
import { call } from './errors.js';
import { everyCursor, listed } from './pages.js';
import {
  asciiJson,
  CUSTOM_METADATA_HEADER,
  httpMetadataHeaders,
  httpMetadataOf,
  STORAGE_CLASS_HEADER,
} from './r2-headers.js';

const BUCKETS_PER_PAGE = 1000;

/** All R2 buckets of the account. */
export async function listR2Buckets({ client, accountId }: Api, signal: AbortSignal): Promise<R2Bucket[]> {
  const what = 'list the R2 buckets';
  return everyCursor(what, async (cursor) => {
    const query = { per_page: BUCKETS_PER_PAGE, cursor };
    // Not `buckets.list()`, which leaves out the cursor of the next page.
    const page = await call(what, signal, (signal) =>
      client.get<BucketPage>(`/accounts/${accountId}/r2/buckets`, { query, signal }),
    );
    return {
      items: listed(page.result?.buckets, what).map(toBucket),
      cursor: page.result_info?.cursor || undefined,
    };
  });
}

interface BucketPage {
  result: { buckets: BucketAnswer[] } | null;
  result_info?: { cursor?: string };
}

interface BucketAnswer {
  name?: string;
  creation_date?: string;
  location?: string;
  storage_class?: string;
}

export async function createR2Bucket(
  { client, accountId }: Api,
  params: {
    name: string;
    locationHint?: 'apac' | 'eeur' | 'enam' | 'weur' | 'wnam' | 'oc';
    storageClass?: 'Standard' | 'InfrequentAccess';
  },
  signal: AbortSignal,
): Promise<R2Bucket> {
  const created = await call(`create the R2 bucket ${params.name}`, signal, (signal) =>
    client.r2.buckets.create(
      {
        account_id: accountId,
        name: params.name,
        locationHint: params.locationHint,
        storageClass: params.storageClass,
      },
      { signal, maxRetries: 0 },
    ),
  );
  return { ...toBucket(created), name: created.name ?? params.name };
}

export async function deleteR2Bucket(
  { client, accountId }: Api,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  await call(`delete the R2 bucket ${name}`, signal, (signal) =>
    client.r2.buckets.delete(name, { account_id: accountId }, { signal, maxRetries: 0 }),
  );
}

interface ObjectPage {
  result: ObjectAnswer[];
  result_info?: { cursor?: string; is_truncated?: boolean | string; delimited?: string[] };
}

interface ObjectAnswer {
  key?: string;
  size?: number | string;
  etag?: string;
  last_modified?: string;
  storage_class?: string;
  http_metadata?: R2HttpMetadata;
  custom_metadata?: Record<string, string>;
}

/** One page of a bucket's objects, in key order. */
export async function listObjects(
  { client, accountId }: Api,
  bucket: string,
  params: { prefix?: string; delimiter?: string; cursor?: string; limit?: number },
  signal: AbortSignal,
): Promise<{ items: R2Object[]; prefixes?: string[]; cursor?: string }> {
  const { limit, ...rest } = params;
  // Not `objects.list()`, whose page leaves out the common prefixes.
  const page = await call(`list the objects of ${bucket}`, signal, (signal) =>
    client.get<ObjectPage>(`/accounts/${accountId}/r2/buckets/${bucket}/objects`, {
      query: { ...rest, per_page: limit },
      signal,
    }),
  );
  const info = page.result_info;
  const more = info?.is_truncated === true || info?.is_truncated === 'true';
  return {
    items: listed(page.result, 'list the objects').map(toObject),
    ...(params.delimiter !== undefined && { prefixes: info?.delimited ?? [] }),
    ...(more && info?.cursor && { cursor: info.cursor }),
  };
}

/** An object and its body, which may still be read. */
export async function getObject(
  { client, accountId }: Api,
  bucket: string,
  key: string,
  signal: AbortSignal,
): Promise<{ object: R2Object; body: Response }> {
  checkAddressable(key);
  const params = { account_id: accountId, bucket_name: bucket };
  const body = await call(`read the object ${key} of ${bucket}`, signal, (signal) =>
    client.r2.buckets.objects.get(key, params, { signal }),
  );
  return { object: objectOfHeaders(key, body.headers), body };
}

export interface PutObjectOptions {
  httpMetadata?: R2HttpMetadata;
  /** Only the local account takes it: Cloudflare's REST API has no place for it. */
  customMetadata?: Record<string, string>;
  storageClass?: string;
}

/** Writes an object. */
export async function putObject(
  { client, accountId }: Api,
  bucket: string,
  key: string,
  body: Blob,
  options: PutObjectOptions,
  signal: AbortSignal,
): Promise<R2Object> {
  checkAddressable(key);
  const path = `/accounts/${accountId}/r2/buckets/${bucket}/objects/${encodeURIComponent(key)}`;
  const { result } = await call(`write the object ${key} of ${bucket}`, signal, (signal) =>
    client.put<{ result: ObjectUploadResponse }>(path, { body, headers: objectHeaders(options), signal }),
  );
  return {
    key,
    size: body.size,
    etag: unquoted(result.etag),
    lastModified: result.uploaded,
    storageClass: result.storage_class,
    httpMetadata: options.httpMetadata,
    customMetadata: options.customMetadata,
  };
}

/** Deletes an object. */
export async function deleteObject(
  { client, accountId }: Api,
  bucket: string,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  await call(`delete the object ${key} of ${bucket}`, signal, (signal) =>
    isAddressable(key)
      ? client.r2.buckets.objects.delete(key, { account_id: accountId, bucket_name: bucket }, { signal })
      : client.delete(`/accounts/${accountId}/r2/buckets/${bucket}/objects`, { body: [key], signal }),
  );
}

/** A URL's path cannot end with such a key. Workers can store it; a listing tells it, and a batch deletes it. */
const isAddressable = (key: string) => key !== '' && key !== '.' && key !== '..';

function checkAddressable(key: string): void {
  if (isAddressable(key)) return;
  throw new SidecarError(
    'invalid-params',
    `The object ${JSON.stringify(key)} has no URL in Cloudflare's API. It can be listed and deleted here; read and write it from a Worker.`,
  );
}

function objectHeaders(options: PutObjectOptions): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/octet-stream',
    ...httpMetadataHeaders(options.httpMetadata ?? {}),
  };
  if (options.storageClass) headers[STORAGE_CLASS_HEADER] = options.storageClass;
  if (options.customMetadata) headers[CUSTOM_METADATA_HEADER] = asciiJson(options.customMetadata);
  return headers;
}

function objectOfHeaders(key: string, headers: Headers): R2Object {
  const httpMetadata = httpMetadataOf(headers);
  const modified = headers.get('last-modified');
  const custom = headers.get(CUSTOM_METADATA_HEADER);
  return {
    key,
    size: Number(headers.get('content-length') ?? 0),
    etag: unquoted(headers.get('etag')),
    ...(modified && { lastModified: new Date(modified).toISOString() }),
    ...(headers.has(STORAGE_CLASS_HEADER) && {
      storageClass: headers.get(STORAGE_CLASS_HEADER) ?? undefined,
    }),
    ...(Object.keys(httpMetadata).length > 0 && { httpMetadata }),
    ...(custom && { customMetadata: JSON.parse(custom) as Record<string, string> }),
  };
}

function unquoted(etag: string | null | undefined): string {
  return (etag ?? '').replace(/^(?:W\/)?"|"$/g, '');
}

function toBucket(one: BucketAnswer): R2Bucket {
  return {
    name: one.name ?? '',
    creationDate: one.creation_date,
    location: one.location,
    storageClass: one.storage_class,
  };
}

function toObject(one: ObjectAnswer): R2Object {
  return {
    key: one.key ?? '',
    size: Number(one.size ?? 0),
    etag: unquoted(one.etag),
    lastModified: one.last_modified,
    storageClass: one.storage_class,
    httpMetadata: texts(one.http_metadata),
    customMetadata: texts(one.custom_metadata),
  };
}

/** The members that are text: nothing else can stand in a header, and a listing does not fail for one object. */
function texts(metadata: unknown): Record<string, string> | undefined {
  if (typeof metadata !== 'object' || metadata === null) return undefined;
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => typeof value === 'string'));
}
