/**
 * The R2 bucket that runs inside workerd: miniflare's simulator, with what it lacks beside Cloudflare's R2.
 *
 * - The limits of a request are checked before any byte of it is kept, for Workers as for the API.
 * - Listing is done here: SQLite's `length()` ends a prefix at a NUL, and a cursor must tell what it belongs to.
 * - An object keeps its storage class.
 * - A blob is written whole or not at all, and one that no object names is removed: at the end of a failed request, and
 *   when the bucket is first used, because a process may have been killed.
 *
 * Kept as text, because it is written into a process's folder as it is; it must not import anything of ours.
 */
export const BUCKET_SOURCE = `
import { AsyncLocalStorage } from 'node:async_hooks';
import { Buffer } from 'node:buffer';
import { above, fromCursor, toCursor } from './keys.js';
import { R2BucketObject } from './r2.js';

const MAX_KEY_BYTES = 1024;
const MAX_METADATA_BYTES = 8192;
const MAX_OBJECT_BYTES = 5 * 1024 ** 3 - 5 * 1024 ** 2;
const MAX_DELETES = 1000;
const MAX_LIST = 1000;
const MAX_LIST_WITH_METADATA = 100;
const STORAGE_CLASSES = ['Standard', 'InfrequentAccess'];
const COLUMNS = 'o.key, o.version, o.size, o.etag, o.uploaded, o.checksums, o.http_metadata, o.custom_metadata, c.class';
const FROM = 'FROM _mf_objects o LEFT JOIN ff_storage_classes c ON c.key = o.key AND c.version = o.version';

/** The buckets that were tidied since this process started. Nothing was in flight then, so whatever is unnamed is left over. */
const tidied = new Set();
/** What the running request writes: its size, and the ids of its blobs. */
const upload = new AsyncLocalStorage();

class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
  toResponse() {
    const error = JSON.stringify({ message: this.message, version: 1, v4code: this.code });
    return new Response(null, { status: this.status, headers: { 'cf-r2-error': error } });
  }
}

export class Bucket extends R2BucketObject {
  #sql;
  #blobs;

  constructor(state, env) {
    super(state, { ...env, MINIFLARE_BLOBS: { fetch: (url, init) => fetchBlob(env.MINIFLARE_BLOBS, url, init) } });
    this.#sql = state.storage.sql;
    this.#blobs = env.MINIFLARE_BLOBS;
    this.#sql.exec('CREATE TABLE IF NOT EXISTS ff_storage_classes (key TEXT PRIMARY KEY, version TEXT NOT NULL, class TEXT NOT NULL)');
  }

  async fetch(request) {
    const { name } = request.cf.miniflare;
    if (!tidied.has(name)) {
      await this.state.blockConcurrencyWhile(() => this.#tidy(name));
      tidied.add(name);
    }
    try {
      switch (request.headers.get('fluorite-flake-r2')) {
        case 'tidy': return new Response(null, { status: 204 });
        case 'wipe': return await this.#wipe(name);
      }
      return request.method === 'GET' ? await this.#read(request) : await this.#write(request, name);
    } catch (error) {
      if (error instanceof Refusal) return error.toResponse();
      throw error;
    }
  }

  async #read(request) {
    const asked = JSON.parse(request.headers.get('cf-r2-request') ?? 'null');
    if (asked?.method === 'list') return encoded(this.#list(asked, request.cf.miniflare.name));
    if (asked?.method !== 'head' && asked?.method !== 'get') return super.fetch(request);
    checkKey(asked.object);
    const [found] = this.#sql.exec('SELECT o.size, c.class ' + FROM + ' WHERE o.key = ?', asked.object).toArray();
    if (found !== undefined && asked.method === 'get' && !isSatisfiable(asked, found.size)) {
      // A condition that does not hold comes first.
      const { range, rangeHeader, ...whole } = asked;
      const answer = await super.fetch(withRequest(request, whole));
      if (!answer.ok) return answer;
      await answer.body?.cancel();
      throw new Refusal(416, 10039, 'The requested range is not satisfiable');
    }
    return withClass(await super.fetch(request), found?.class);
  }

  async #write(request, bucket) {
    const metadataSize = parseInt(request.headers.get('cf-r2-metadata-size'));
    const size = parseInt(request.headers.get('content-length')) - metadataSize;
    const { metadata, rest } = await split(request.body, metadataSize);
    const asked = JSON.parse(new TextDecoder().decode(metadata));
    try {
      checkWrite(asked, size);
    } catch (error) {
      await rest.cancel();
      throw error;
    }
    const written = { size, ids: [] };
    let isKept = false;
    try {
      const answer = await upload.run(written, () => super.fetch(begun(request, metadata, rest)));
      isKept = answer.ok;
      return isKept ? await this.#keepClass(answer, asked) : answer;
    } finally {
      if (!isKept) for (const id of written.ids) await this.#remove(bucket, id);
    }
  }

  /** Takes note of the class of what was written, which is known by its version. */
  async #keepClass(answer, { method, object, uploadId: completed, storageClass = 'Standard' }) {
    if (method === 'createMultipartUpload') {
      const { uploadId } = JSON.parse(await answer.clone().text());
      if (storageClass !== 'Standard') this.#setClass('upload:' + uploadId, object, storageClass);
    }
    if (method === 'completeMultipartUpload') {
      const [begun] = this.#sql.exec('DELETE FROM ff_storage_classes WHERE key = ? RETURNING class', 'upload:' + completed).toArray();
      return begun === undefined ? answer : this.#keepClass(answer, { method: 'put', object, storageClass: begun.class });
    }
    if (method !== 'put' || storageClass === 'Standard') return answer;
    const stored = await answer.clone().json();
    this.#setClass(object, stored.version, storageClass);
    return withClass(answer, storageClass);
  }

  #setClass(key, version, storageClass) {
    this.#sql.exec('INSERT OR REPLACE INTO ff_storage_classes VALUES (?, ?, ?)', key, version, storageClass);
  }

  #list({ prefix = '', delimiter = '', startAfter, cursor, limit = MAX_LIST, include = [] }, bucket) {
    if (!(limit >= 1 && limit <= MAX_LIST)) {
      throw new Refusal(400, 10022, 'MaxKeys params must be positive integer <= 1000.');
    }
    const most = include.length > 0 ? Math.min(limit, MAX_LIST_WITH_METADATA) : limit;
    const scope = ['r2', bucket, prefix, delimiter];
    const end = above(prefix);
    let start = prefix;
    let isAfter = false;
    const skipTo = (key, after) => {
      if (Buffer.compare(Buffer.from(key), Buffer.from(start)) < 0) return;
      [start, isAfter] = [key, after];
    };
    if (startAfter !== undefined) skipTo(startAfter, true);
    if (cursor !== undefined) {
      const from = fromCursor(cursor, scope);
      if (from === undefined) throw new Refusal(400, 10029, 'The cursor is not one of this listing');
      skipTo(from.key, from.isAfter);
    }
    const objects = [];
    const delimitedPrefixes = [];
    for (;;) {
      const left = most - objects.length - delimitedPrefixes.length;
      const rows = this.#page(start, isAfter, end, delimiter === '' ? left + 1 : Math.min(left + 1, 50));
      let jumped = false;
      for (const row of rows) {
        if (objects.length + delimitedPrefixes.length === most) {
          const next = toCursor({ key: start, isAfter }, scope);
          return { objects, delimitedPrefixes, truncated: true, cursor: next };
        }
        const at = delimiter === '' ? -1 : row.key.indexOf(delimiter, prefix.length);
        if (at === -1) {
          objects.push(described(row, include));
          [start, isAfter] = [row.key, true];
          continue;
        }
        const common = row.key.slice(0, at + delimiter.length);
        delimitedPrefixes.push(common);
        const next = above(common);
        if (next === null) return { objects, delimitedPrefixes, truncated: false };
        [start, isAfter, jumped] = [next, false, true];
        break;
      }
      if (!jumped && rows.length === 0) return { objects, delimitedPrefixes, truncated: false };
    }
  }

  #page(start, isAfter, end, limit) {
    const from = isAfter ? 'o.key > ?' : 'o.key >= ?';
    const query = 'SELECT ' + COLUMNS + ' ' + FROM + ' WHERE ' + from + ' AND (? IS NULL OR o.key < ?) ORDER BY o.key LIMIT ?';
    return this.#sql.exec(query, start, end, end, limit).toArray();
  }

  /** Removes all that an empty bucket still has: parts of uploads that were never completed. */
  async #wipe(bucket) {
    const isEmpty = this.#sql.exec('SELECT key FROM _mf_objects LIMIT 1').toArray().length === 0;
    if (!isEmpty) throw new Refusal(409, 10008, 'The bucket you tried to delete is not empty.');
    for (const table of ['_mf_multipart_parts', '_mf_multipart_uploads', 'ff_storage_classes']) {
      this.#sql.exec('DELETE FROM ' + table);
    }
    await this.#tidy(bucket);
    return new Response(null, { status: 204 });
  }

  /** Removes the blobs that nothing names. */
  async #tidy(bucket) {
    this.#sql.exec("DELETE FROM ff_storage_classes AS c WHERE c.key NOT LIKE 'upload:%' AND NOT EXISTS (SELECT 1 " + 'FROM _mf_objects o WHERE o.key = c.key AND o.version = c.version)');
    const listing = await this.#blobs.fetch(blobUrl(bucket, ''));
    if (!listing.ok) return;
    const named = this.#sql.exec('SELECT blob_id FROM _mf_objects UNION ALL SELECT blob_id FROM _mf_multipart_parts');
    const known = new Set(named.toArray().map((row) => row.blob_id));
    for (const { name } of await listing.json()) if (!known.has(name)) await this.#remove(bucket, name);
  }

  async #remove(bucket, id) {
    const answer = await this.#blobs.fetch(blobUrl(bucket, id), { method: 'DELETE' });
    if (!answer.ok && answer.status !== 404) console.error('A blob of the bucket ' + bucket + ' could not be removed: ' + answer.status);
  }
}

const blobUrl = (bucket, id) => 'http://blobs/' + encodeURIComponent(bucket) + '/blobs/' + id;

/** Writes a blob with the size that was announced: one that breaks off is then not kept. */
async function fetchBlob(blobs, url, init) {
  if (init?.method !== 'PUT') return blobs.fetch(url, init);
  const { size, ids } = upload.getStore();
  ids.push(new URL(url).pathname.split('/').pop());
  const sized = new FixedLengthStream(size);
  // Both must have ended before a blob that broke off can be removed.
  const [piped, written] = await Promise.allSettled([
    init.body.pipeTo(sized.writable),
    blobs.fetch(url, { ...init, body: sized.readable }),
  ]);
  if (written.status === 'rejected') throw written.reason;
  if (piped.status === 'rejected') throw piped.reason;
  const answer = written.value;
  if (!answer.ok) throw new Error('Writing the object failed: ' + answer.status);
  return answer;
}

function checkKey(key) {
  if (Buffer.byteLength(key) <= MAX_KEY_BYTES) return;
  throw new Refusal(400, 10020, 'The specified object name is not valid.');
}

function checkWrite({ method, object, objects = [], storageClass, customFields = [], httpFields = {} }, size) {
  for (const key of object === undefined ? objects : [object]) checkKey(key);
  if (objects.length > MAX_DELETES) {
    throw new Refusal(400, 10029, 'One request deletes at most ' + MAX_DELETES + ' keys, not ' + objects.length + '.');
  }
  if (storageClass !== undefined && storageClass !== '' && !STORAGE_CLASSES.includes(storageClass)) {
    throw new Refusal(400, 10062, 'The storage class must be one of ' + STORAGE_CLASSES.join(' and ') + ', not ' + storageClass + '.');
  }
  const custom = customFields.flatMap(({ k, v }) => [k, v]);
  if (bytesOf(custom) > MAX_METADATA_BYTES || bytesOf(Object.values(httpFields).map(String)) > MAX_METADATA_BYTES) {
    throw new Refusal(400, 10012, 'Your metadata headers exceed the maximum allowed metadata size.');
  }
  if (size > MAX_OBJECT_BYTES) {
    throw new Refusal(400, 100100, 'Your proposed upload exceeds the maximum allowed object size.');
  }
}

const bytesOf = (texts) => texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);

/** Whether any part of an object of \`size\` bytes is asked for. What is no range at all asks for everything. */
function isSatisfiable({ range, rangeHeader }, size) {
  if (rangeHeader !== undefined) {
    const parts = /^ *bytes *=(.*)$/i.exec(rangeHeader)?.[1].split(',').map((part) => /^ *(\\d*) *- *(\\d*) *$/.exec(part));
    if (parts === undefined || parts.some((part) => part === null || (part[1] === '' && part[2] === ''))) return true;
    if (parts.some(([, first, last]) => first !== '' && last !== '' && Number(first) > Number(last))) return true;
    return parts.some(([, first, last]) => (first === '' ? Number(last) > 0 : Number(first) < size));
  }
  if (range === undefined) return true;
  const { offset = 0, length, suffix } = range;
  if (suffix !== undefined) return Number(suffix) > 0 && size > 0;
  return Number(offset) < size && (length === undefined || Number(length) > 0);
}

function withRequest(request, asked) {
  const headers = new Headers(request.headers);
  headers.set('cf-r2-request', JSON.stringify(asked));
  return new Request(request, { headers });
}

/** The metadata that a body begins with, and what follows it. */
async function split(body, size) {
  const reader = body.getReader({ mode: 'byob' });
  const { value } = await reader.readAtLeast(size, new Uint8Array(size));
  reader.releaseLock();
  return { metadata: value, rest: body };
}

/** The request once more, whose body was begun: the simulator reads its metadata, and pipes the rest. */
function begun(request, metadata, rest) {
  const { method, url, headers, cf } = request;
  const reader = { readAtLeast: async () => ({ value: metadata, done: false }), releaseLock() {} };
  const body = { getReader: () => reader, pipeThrough: (stream) => rest.pipeThrough(stream), pipeTo: (sink) => rest.pipeTo(sink) };
  return { method, url, headers, cf, body, bodyUsed: true };
}

function described(row, include) {
  const checksums = JSON.parse(row.checksums);
  if (/^[0-9a-f]{32}$/.test(row.etag)) checksums.md5 = row.etag;
  return {
    name: row.key,
    version: row.version,
    size: row.size,
    etag: row.etag,
    uploaded: row.uploaded,
    httpFields: include.includes(0) ? JSON.parse(row.http_metadata) : {},
    customFields: include.includes(1) ? Object.entries(JSON.parse(row.custom_metadata)).map(([k, v]) => ({ k, v })) : [],
    checksums: { 0: checksums.md5, 1: checksums.sha1, 2: checksums.sha256, 3: checksums.sha384, 4: checksums.sha512 },
    storageClass: row.class ?? 'Standard',
  };
}

function encoded(value) {
  const json = JSON.stringify(value);
  const headers = { 'cf-r2-metadata-size': String(Buffer.byteLength(json)), 'content-type': 'application/json' };
  return new Response(json, { headers });
}

/** An answer whose metadata tells a storage class that is not the usual one. */
async function withClass(answer, storageClass) {
  if (!storageClass || storageClass === 'Standard' || !answer.headers.has('cf-r2-metadata-size')) return answer;
  const { metadata, rest } = await split(answer.body, parseInt(answer.headers.get('cf-r2-metadata-size')));
  const json = Buffer.from(JSON.stringify({ ...JSON.parse(new TextDecoder().decode(metadata)), storageClass }));
  const headers = new Headers(answer.headers);
  headers.set('cf-r2-metadata-size', String(json.byteLength));
  headers.delete('content-length');
  const reader = rest.getReader();
  // Not piped: one identity stream into another hangs.
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(json),
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body, { status: answer.status, headers });
}
`;

/** What listings of KV keys and R2 objects have in common. */
export const KEYS_SOURCE = `
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';

/** The least text above every one that begins with \`prefix\`, in the order of UTF-8; null when there is none. */
export function above(prefix) {
  const rest = prefix.replace(/\\u{10ffff}+$/u, '');
  if (rest === '') return null;
  const last = [...rest.slice(-2)].pop();
  const point = last.codePointAt(0);
  // No character is half of a surrogate pair.
  return rest.slice(0, -last.length) + String.fromCodePoint(point === 0xd7ff ? 0xe000 : point + 1);
}

const seal = (place, scope) => createHash('sha256').update(JSON.stringify([place, scope])).digest('hex').slice(0, 16);

/** A place in the listing of \`scope\`, which only that listing takes back. */
export function toCursor(place, scope) {
  return Buffer.from(JSON.stringify([place, seal(place, scope)])).toString('base64url');
}

/** The place that a cursor names; undefined when it is damaged, or of another listing. */
export function fromCursor(cursor, scope) {
  try {
    const [place, sealed] = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return sealed === seal(place, scope) ? place : undefined;
  } catch {
    return undefined;
  }
}
`;
