import type { IncomingMessage } from 'node:http';
import { SidecarError } from '../../../protocol/index.js';
import type { KvStorage } from '../runtime.js';
import { orDiskFull } from './disk-full.js';
import { fromWeb, readAll, type SocketRequest, toWeb } from './socket-http.js';
import { RESOURCE_HEADER } from './sources.js';
import type { StorageProcess } from './storage-process.js';
import { limited, storageSend } from './storage-request.js';

/** Limits of Workers KV: https://developers.cloudflare.com/kv/platform/limits/ */
const MAX_VALUE_BYTES = 25 * 1024 * 1024;
const MAX_KEY_BYTES = 512;
const LIST_LIMIT = 1000;
const MAX_PAGE_BYTES = 16 * 1024 * 1024;

/** Workers KV over the protocol that workerd's own binding speaks. */
export class WorkerdKvStorage implements KvStorage {
  constructor(private readonly storage: StorageProcess) {}

  async get(namespaceId: string, key: string): ReturnType<KvStorage['get']> {
    const response = await this.#send(namespaceId, 'GET', keyPath(key), { 'fluorite-flake-kv': 'get' });
    if (response.statusCode === 404) {
      response.resume();
      return undefined;
    }
    await assertOk(response, `Reading key ${JSON.stringify(key)}`);
    const { 'fluorite-flake-expiration': expiration, 'fluorite-flake-metadata': metadata } = response.headers;
    return {
      body: toWeb(response),
      ...(typeof metadata === 'string' && { metadata: JSON.parse(decodeURIComponent(metadata)) as unknown }),
      ...(typeof expiration === 'string' && { expiration: Number(expiration) }),
    };
  }

  async put(...[namespaceId, key, body, options = {}]: Parameters<KvStorage['put']>): Promise<void> {
    const query = new URLSearchParams();
    if (options.expiration !== undefined) query.set('expiration', String(options.expiration));
    if (options.expirationTtl !== undefined) query.set('expiration_ttl', String(options.expirationTtl));
    const headers: Record<string, string> = {};
    if (options.metadata !== undefined && options.metadata !== null) {
      headers['cf-kv-metadata'] = headerJson(options.metadata);
    }
    const what = `The value of key ${JSON.stringify(key)}`;
    if (body instanceof Uint8Array && body.byteLength > MAX_VALUE_BYTES) throw tooLarge(what);
    const value =
      body instanceof Uint8Array ? body : limited(fromWeb(body), MAX_VALUE_BYTES, () => tooLarge(what));
    const response = await this.#send(namespaceId, 'PUT', `${keyPath(key)}?${query}`, headers, value);
    await assertOk(response, `Writing key ${JSON.stringify(key)}`).catch(async (error: unknown) => {
      const bytes = body instanceof Uint8Array ? body.byteLength : 0;
      throw await orDiskFull(error, `the key ${JSON.stringify(key)}`, this.storage.stateDir, bytes);
    });
    response.resume();
  }

  async delete(namespaceId: string, key: string): Promise<void> {
    const response = await this.#send(namespaceId, 'DELETE', keyPath(key));
    await assertOk(response, `Deleting key ${JSON.stringify(key)}`);
    response.resume();
  }

  async list(
    namespaceId: string,
    options: Parameters<KvStorage['list']>[1] = {},
  ): ReturnType<KvStorage['list']> {
    const query = new URLSearchParams({ key_count_limit: String(options.limit ?? LIST_LIMIT) });
    if (options.prefix) query.set('prefix', options.prefix);
    if (options.cursor) query.set('cursor', options.cursor);
    const response = await this.#send(namespaceId, 'GET', `/?${query}`);
    await assertOk(response, 'Listing keys');
    const page = JSON.parse((await readAll(response, MAX_PAGE_BYTES)).toString()) as RawPage;
    return {
      // The raw protocol gives metadata as JSON text.
      keys: page.keys.map(({ metadata, ...key }) => ({
        ...key,
        ...(metadata !== undefined && { metadata: JSON.parse(metadata) as unknown }),
      })),
      ...(page.cursor !== undefined && { cursor: page.cursor }),
    };
  }

  async clear(namespaceId: string): Promise<void> {
    const response = await this.#send(namespaceId, 'POST', '/', { 'fluorite-flake-kv': 'clear' });
    await assertOk(response, 'Deleting every key');
    response.resume();
  }

  #send(
    namespaceId: string,
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: SocketRequest['body'],
  ): Promise<IncomingMessage> {
    return storageSend(this.storage, {
      method,
      path,
      headers: { host: 'kv', [RESOURCE_HEADER]: `kv:${encodeURIComponent(namespaceId)}`, ...headers },
      ...(body !== undefined && { body }),
    });
  }
}

interface RawPage {
  keys: { name: string; expiration?: number; metadata?: string }[];
  cursor?: string;
}

/** The same keys are refused as by the binding: `.` and `..` would change the path. */
function keyPath(key: string): string {
  if (key === '' || key === '.' || key === '..') {
    throw new SidecarError(
      'invalid-params',
      `${JSON.stringify(key)} cannot be a KV key: it must not be empty, "." or "..".`,
    );
  }
  const bytes = Buffer.byteLength(key);
  if (bytes > MAX_KEY_BYTES) {
    throw new SidecarError(
      'limit-exceeded',
      `The KV key has ${bytes} bytes of UTF-8; the limit is ${MAX_KEY_BYTES}.`,
      { data: { limitBytes: MAX_KEY_BYTES } },
    );
  }
  return `/${encodeURIComponent(key)}`;
}

/** JSON as UTF-8, a byte a character, as Node writes headers: escaped it would be too long, which counts its bytes. */
function headerJson(value: unknown): string {
  const json = JSON.stringify(value).replaceAll('\x7f', '\\u007f');
  return Buffer.from(json).toString('latin1');
}

const tooLarge = (what: string) =>
  new SidecarError('limit-exceeded', `${what} is larger than the ${MAX_VALUE_BYTES} bytes that KV takes.`, {
    data: { limitBytes: MAX_VALUE_BYTES },
  });

async function assertOk(response: IncomingMessage, what: string): Promise<void> {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return;
  const text = response.statusMessage || (await readAll(response, 64 * 1024)).toString();
  response.resume();
  const message = `${what} failed: ${text}`;
  if (status === 413 || status === 414)
    throw new SidecarError('limit-exceeded', message, { data: { status } });
  if (status === 400) throw new SidecarError('invalid-params', message, { data: { status } });
  throw new SidecarError('workerd-failed', message, { data: { status, stderr: [] } });
}
