import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SidecarError } from '../../../protocol/index.js';
import { fileError } from '../file-error.js';
import { makePrivateFolder } from '../private-folder.js';
import type { R2Storage } from '../runtime.js';
import { orDiskFull } from './disk-full.js';
import {
  isFound,
  METADATA_SIZE_HEADER,
  type RawR2List,
  type RawR2Object,
  REQUEST_HEADER,
  readMetadata,
  toObjectInfo,
  toRawMetadata,
} from './r2-protocol.js';
import { fromWeb, streamOf, toWeb } from './socket-http.js';
import { RESOURCE_HEADER } from './sources.js';
import type { StorageProcess } from './storage-process.js';
import { limited, storageSend } from './storage-request.js';

const LIST_LIMIT = 1000;
/** The simulator gives at most this many objects at a time when metadata is asked for. */
const LIST_PAGE = 100;
const INCLUDE_ALL_METADATA = [0, 1];
/** R2's own limit for one put: 5 GiB less 5 MiB. */
const MAX_OBJECT_BYTES = 5_363_466_240;

/** R2 over the protocol that workerd's own binding speaks. */
export class WorkerdR2Storage implements R2Storage {
  #incoming: Promise<string> | undefined;

  constructor(
    private readonly storage: StorageProcess,
    private readonly stateDir: string,
  ) {}

  async head(bucket: string, key: string): ReturnType<R2Storage['head']> {
    const response = await this.#read(bucket, { method: 'head', object: key });
    if (!isFound(response, `Looking up ${key}`)) return undefined;
    const { metadata } = await readMetadata<RawR2Object>(response);
    response.resume();
    return toObjectInfo(metadata);
  }

  async get(bucket: string, key: string, options: { range?: string } = {}): ReturnType<R2Storage['get']> {
    const response = await this.#read(bucket, {
      method: 'get',
      object: key,
      ...(options.range !== undefined && { rangeHeader: options.range }),
    });
    if (!isFound(response, `Reading ${key}`)) return undefined;
    const { metadata, rest } = await readMetadata<RawR2Object>(response);
    return {
      object: toObjectInfo(metadata),
      body: toWeb(response, { first: rest }),
      ...(options.range !== undefined && metadata.range !== undefined && { range: metadata.range }),
    };
  }

  async put(
    ...[bucket, key, body, options = {}]: Parameters<R2Storage['put']>
  ): ReturnType<R2Storage['put']> {
    const { storageClass, signal } = options;
    const request = {
      method: 'put',
      object: key,
      ...toRawMetadata(options),
      ...(storageClass !== undefined && { storageClass }),
    };
    if (body instanceof Uint8Array) return this.#put(bucket, request, body, body.byteLength, signal);
    if (options.size !== undefined) {
      return this.#put(bucket, request, exactly(fromWeb(body), options.size, key), options.size, signal);
    }
    // R2 must know the size beforehand, as Cloudflare's does: a stream that does not tell goes to a file first.
    this.#incoming ??= this.#makeIncoming().catch((error: unknown) => {
      this.#incoming = undefined; // What was in its way may be gone the next time.
      throw fileError('make a folder in', this.stateDir, error);
    });
    const path = join(await this.#incoming, randomUUID());
    try {
      const source = limited(fromWeb(body), MAX_OBJECT_BYTES, () => tooLarge(key));
      await pipeline(source, createWriteStream(path, { mode: 0o600 }), { ...(signal && { signal }) });
      return await this.#put(bucket, request, createReadStream(path), (await stat(path)).size, signal);
    } finally {
      await rm(path, { force: true });
    }
  }

  async delete(bucket: string, keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    const response = await this.#write(bucket, { method: 'delete', objects: keys });
    isFound(response, 'Deleting objects');
    response.resume();
  }

  async list(bucket: string, options: Parameters<R2Storage['list']>[1] = {}): ReturnType<R2Storage['list']> {
    const { limit = LIST_LIMIT, ...rest } = options;
    const objects: RawR2Object[] = [];
    const delimitedPrefixes: string[] = [];
    let cursor = options.cursor;
    do {
      const left = limit - objects.length - delimitedPrefixes.length;
      const response = await this.#read(bucket, {
        method: 'list',
        ...rest,
        limit: Math.min(left, LIST_PAGE),
        include: INCLUDE_ALL_METADATA,
        ...(cursor !== undefined && { cursor }),
      });
      isFound(response, `Listing the bucket ${bucket}`);
      const { metadata: page } = await readMetadata<RawR2List>(response);
      response.resume();
      objects.push(...page.objects);
      delimitedPrefixes.push(...page.delimitedPrefixes);
      cursor = page.truncated ? page.cursor : undefined;
    } while (cursor !== undefined && objects.length + delimitedPrefixes.length < limit);
    return {
      objects: objects.map(toObjectInfo),
      delimitedPrefixes,
      ...(cursor !== undefined && { cursor }),
    };
  }

  async wipe(bucket: string): Promise<void> {
    const headers = { ...resource(bucket), 'fluorite-flake-r2': 'wipe' };
    const response = await storageSend(this.storage, { method: 'GET', path: '/', headers });
    isFound(response, `Deleting the bucket ${bucket}`);
    response.resume();
  }

  /** Emptied at the first use: what a process left there that was killed is nobody's. */
  async #makeIncoming(): Promise<string> {
    const folder = join(this.stateDir, 'storage', 'incoming');
    await makePrivateFolder(dirname(folder));
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  async #put(
    bucket: string,
    request: object,
    body: Uint8Array | Readable,
    size: number,
    signal?: AbortSignal,
  ): ReturnType<R2Storage['put']> {
    const response = await this.#write(bucket, request, body, size, signal);
    try {
      isFound(response, 'Writing the object');
    } catch (error) {
      throw await orDiskFull(error, 'an object', this.stateDir, size);
    }
    const { metadata } = await readMetadata<RawR2Object>(response);
    response.resume();
    return toObjectInfo(metadata);
  }

  /** Reads carry their request in a header, which must be ASCII. */
  #read(bucket: string, request: object): Promise<IncomingMessage> {
    const json = JSON.stringify(request).replace(
      /[\u007f-\uffff]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    return storageSend(this.storage, {
      method: 'GET',
      path: '/',
      headers: { ...resource(bucket), [REQUEST_HEADER]: json },
    });
  }

  /** Writes carry their request before the object's own bytes. */
  #write(
    bucket: string,
    request: object,
    body: Uint8Array | Readable = new Uint8Array(),
    size = 0,
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    const metadata = Buffer.from(JSON.stringify(request));
    return storageSend(this.storage, {
      method: 'PUT',
      path: '/',
      headers: {
        ...resource(bucket),
        [METADATA_SIZE_HEADER]: metadata.byteLength,
        'content-length': metadata.byteLength + size,
      },
      ...(signal && { signal }),
      body: body instanceof Uint8Array ? joined(metadata, body) : after(metadata, body),
    });
  }
}

const resource = (bucket: string) => ({ host: 'r2', [RESOURCE_HEADER]: `r2:${encodeURIComponent(bucket)}` });

/** Small objects in one piece, larger ones behind their metadata without being copied. */
function joined(metadata: Buffer, body: Uint8Array): Uint8Array | Readable {
  return body.byteLength <= 64 * 1024 ? Buffer.concat([metadata, body]) : Readable.from([metadata, body]);
}

/** `body` behind `metadata`. */
export function after(metadata: Buffer, body: Readable): Readable {
  const chunks = (async function* () {
    yield metadata;
    yield* body as AsyncIterable<Uint8Array>;
  })();
  return streamOf(chunks, body);
}

/** A body that must have the size it was announced with: otherwise the connection would wait, or break. */
export function exactly(source: Readable, size: number, key: string): Readable {
  const wrong = (relation: string) =>
    new SidecarError(
      'invalid-params',
      `The object ${key} was announced with ${size} bytes and is ${relation}.`,
    );
  const bounded = limited(source, size, () => wrong('longer'));
  const chunks = (async function* () {
    let seen = 0;
    for await (const chunk of bounded as AsyncIterable<Uint8Array>) {
      seen += chunk.byteLength;
      yield chunk;
    }
    if (seen < size) throw wrong(`${size - seen} bytes shorter`);
  })();
  return streamOf(chunks, bounded);
}

const tooLarge = (key: string) =>
  new SidecarError(
    'limit-exceeded',
    `The object ${key} is larger than the ${MAX_OBJECT_BYTES} bytes that one put takes.`,
    {
      data: { limitBytes: MAX_OBJECT_BYTES },
    },
  );
