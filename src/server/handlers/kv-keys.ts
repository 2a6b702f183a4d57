import * as cloudflare from '../../cloudflare/kv.js';
import {
  isDeeperThan,
  MAX_METADATA_DEPTH,
  type ParsedParams,
  type Result,
  SidecarError,
} from '../../protocol/index.js';
import type { CallContext, ServerServices } from '../context.js';
import { openApi } from './api.js';
import { fileBody, writeBody } from './files.js';
import { decodeInline, readInline } from './inline.js';

/** https://developers.cloudflare.com/kv/platform/limits/ */
const MAX_VALUE_BYTES = 25 * 1024 * 1024;
const MAX_METADATA_BYTES = 1024;

export async function listKeys(
  services: ServerServices,
  { namespaceId, ...query }: ParsedParams<'kv.listKeys'>,
  { signal }: CallContext,
): Promise<Result<'kv.listKeys'>> {
  const page = await cloudflare.listKeys(await openApi(services, signal), namespaceId, query, signal);
  const items = page.items.map(({ name, expiration, metadata }) => ({
    name,
    ...(typeof expiration === 'number' && { expiration }),
    ...fitting(metadata),
  }));
  return { ...page, items };
}

/**
 * Metadata, or a mark in its place when no message has room for it: a Worker may keep what nests twice as deep, and a
 * listing does not fail for one key.
 */
function fitting(metadata: unknown): { metadata?: unknown; metadataOmitted?: true } {
  if (metadata === undefined) return {};
  return isDeeperThan(metadata, MAX_METADATA_DEPTH) ? { metadataOmitted: true } : { metadata };
}

export async function getKey(
  services: ServerServices,
  { namespaceId, key, path }: ParsedParams<'kv.get'>,
  { signal }: CallContext,
): Promise<Result<'kv.get'>> {
  const api = await openApi(services, signal);
  const value = cloudflare.getValue(api, namespaceId, key, signal);
  const [{ body, expiration }, metadata] = await Promise.all([
    value,
    cloudflare.getMetadata(api, namespaceId, key, signal),
  ]).catch(async (error: unknown) => {
    // The value may have come all the same: its connection is given back.
    void value.then(
      (found) => found.body.body?.cancel(),
      () => {},
    );
    throw error;
  });
  const about = {
    key,
    ...fitting(metadata),
    ...(expiration !== undefined && { expiration }),
  };
  if (path !== undefined) return { ...about, path: await writeBody(services.cwd, path, body, signal) };
  const inline = await readInline(
    body,
    `The value of ${key}`,
    'Give `path` to write it into a file.',
    signal,
    services.maxBodyBytes,
  );
  return { ...about, value: inline.body, ...(inline.bodyEncoding && { valueEncoding: inline.bodyEncoding }) };
}

export async function putKey(
  services: ServerServices,
  params: ParsedParams<'kv.put'>,
  { signal }: CallContext,
): Promise<Result<'kv.put'>> {
  const { namespaceId, key, path, value = '', valueEncoding, ...options } = params;
  const content =
    path === undefined ? new Blob([decodeInline(value, valueEncoding)]) : await fileBody(services.cwd, path);
  checkLimits(content, options.metadata);
  await cloudflare.putValue(await openApi(services, signal), namespaceId, key, content, options, signal);
  return { success: true };
}

/** Before anything is sent: the server would take all of it first. */
function checkLimits(content: Blob, metadata: unknown): void {
  if (content.size > MAX_VALUE_BYTES) {
    throw new SidecarError(
      'limit-exceeded',
      `The value has ${content.size} bytes; a KV value has at most ${MAX_VALUE_BYTES}. Use R2 for larger ones.`,
      { data: { bytes: content.size, limitBytes: MAX_VALUE_BYTES } },
    );
  }
  const bytes = metadata === undefined ? 0 : Buffer.byteLength(JSON.stringify(metadata));
  if (bytes <= MAX_METADATA_BYTES) return;
  throw new SidecarError(
    'limit-exceeded',
    `The metadata has ${bytes} bytes as JSON; a key has at most ${MAX_METADATA_BYTES}.`,
    { data: { bytes, limitBytes: MAX_METADATA_BYTES } },
  );
}

export async function deleteKey(
  services: ServerServices,
  { namespaceId, key }: ParsedParams<'kv.delete'>,
  { signal }: CallContext,
): Promise<Result<'kv.delete'>> {
  await cloudflare.deleteKey(await openApi(services, signal), namespaceId, key, signal);
  return { success: true };
}
