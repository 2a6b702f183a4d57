import { type KvKeyEntry, type KvNamespace, SidecarError } from '../protocol/index.js';
import type { Api } from './client.js';
import { call } from './errors.js';
import { everyPage, listed } from './pages.js';

const NAMESPACES_PER_PAGE = 100;

/** All KV namespaces of the account. */
export async function listKvNamespaces(
  { client, accountId }: Api,
  signal: AbortSignal,
): Promise<KvNamespace[]> {
  const what = 'list the KV namespaces';
  const found = await everyPage(NAMESPACES_PER_PAGE, what, async (page) => {
    const query = { account_id: accountId, page, per_page: NAMESPACES_PER_PAGE };
    const { result } = await call(what, signal, (signal) => client.kv.namespaces.list(query, { signal }));
    return result;
  });
  return found.map(toNamespace);
}

export async function createKvNamespace(
  { client, accountId }: Api,
  title: string,
  signal: AbortSignal,
): Promise<KvNamespace> {
  const created = await call(`create the KV namespace ${title}`, signal, (signal) =>
    client.kv.namespaces.create({ account_id: accountId, title }, { signal, maxRetries: 0 }),
  );
  return toNamespace(created);
}

export async function deleteKvNamespace(
  { client, accountId }: Api,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  await call(`delete the KV namespace ${id}`, signal, (signal) =>
    client.kv.namespaces.delete(id, { account_id: accountId }, { signal }),
  );
}

/** One page of keys, in key order. */
export async function listKeys(
  { client, accountId }: Api,
  namespaceId: string,
  query: { prefix?: string; cursor?: string; limit?: number },
  signal: AbortSignal,
): Promise<{ items: KvKeyEntry[]; cursor?: string }> {
  const page = await call(`list the keys of the namespace ${namespaceId}`, signal, (signal) =>
    client.kv.namespaces.keys.list(namespaceId, { account_id: accountId, ...query }, { signal }),
  );
  const cursor = page.result_info?.cursor;
  return { items: [...listed(page.result, 'list the keys')], ...(cursor && { cursor }) };
}

/** A value's response, and in its header when it expires. The body may still be read. */
export async function getValue(
  { client, accountId }: Api,
  namespaceId: string,
  key: string,
  signal: AbortSignal,
): Promise<{ body: Response; expiration?: number }> {
  const params = { account_id: accountId, namespace_id: namespaceId };
  const body = await call(`read the key ${key}`, signal, (signal) =>
    client.kv.namespaces.values.get(key, params, { signal }),
  );
  const expiration = Number(body.headers.get('expiration') ?? Number.NaN);
  return { body, ...(Number.isFinite(expiration) && { expiration }) };
}

/** A key's metadata; undefined when it has none or there is no such key. */
export async function getMetadata(
  { client, accountId }: Api,
  namespaceId: string,
  key: string,
  signal: AbortSignal,
): Promise<unknown> {
  const params = { account_id: accountId, namespace_id: namespaceId };
  try {
    const metadata = await call(`read the metadata of the key ${key}`, signal, (signal) =>
      client.kv.namespaces.metadata.get(key, params, { signal }),
    );
    return metadata ?? undefined;
  } catch (error) {
    if (error instanceof SidecarError && error.code === 'not-found') return undefined;
    throw error;
  }
}

export interface PutValueOptions {
  expiration?: number;
  expirationTtl?: number;
  metadata?: unknown;
}

/** Writes a value. With metadata it travels as multipart, without as it is. */
export async function putValue(
  { client, accountId }: Api,
  namespaceId: string,
  key: string,
  value: Blob,
  options: PutValueOptions,
  signal: AbortSignal,
): Promise<void> {
  const path = `/accounts/${accountId}/storage/kv/namespaces/${namespaceId}/values/${encodeURIComponent(key)}`;
  const query = { expiration: options.expiration, expiration_ttl: options.expirationTtl };
  await call(`write the key ${key}`, signal, (signal) => {
    if (options.metadata === undefined) {
      const headers = { 'content-type': 'application/octet-stream' };
      return client.put(path, { query, body: value, headers, signal });
    }
    const form = new FormData();
    form.set('value', value);
    form.set('metadata', JSON.stringify(options.metadata));
    return client.put(path, { query, body: form, signal });
  });
}

export async function deleteKey(
  { client, accountId }: Api,
  namespaceId: string,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  const params = { account_id: accountId, namespace_id: namespaceId };
  await call(`delete the key ${key}`, signal, (signal) =>
    client.kv.namespaces.values.delete(key, params, { signal }),
  );
}

function toNamespace(one: { id: string; title: string; supports_url_encoding?: boolean }): KvNamespace {
  return { id: one.id, title: one.title, supportsUrlEncoding: one.supports_url_encoding };
}
