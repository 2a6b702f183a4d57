/**
 * Code that runs inside workerd. It is kept as text because it is written into a process's folder as it is; it must
 * not import anything of ours.
 */

/** What a Worker's `fetch()` reaches when the network is off. */
export const NO_NETWORK_SOURCE = `
const message = 'This Worker tried to reach the network, which is off for local Workers. ' +
  'To allow it, start fluorite-flake with --allow-network, the option allowNetwork, or FLUORITE_FLAKE_ALLOW_NETWORK=1.';
export default {
  fetch() { throw new Error(message); },
  connect() { throw new Error(message); },
};
`;

/** The Cache API keeps nothing, as on workers.dev: every match is a miss, every put is accepted. */
export const NO_CACHE_SOURCE = `
const STATUS = { GET: 504, HEAD: 504, PUT: 204 };
export default {
  async fetch(request) {
    if (request.body !== null) await request.body.pipeTo(new WritableStream());
    return new Response(null, { status: STATUS[request.method] ?? 404, headers: { 'cf-cache-status': 'MISS' } });
  },
};
`;

/** What a service binding reaches whose Worker or entrypoint is not there: requests, methods and properties all say so. */
export const MISSING_SERVICE_SOURCE = `
import { WorkerEntrypoint, env } from 'cloudflare:workers';
class Missing extends WorkerEntrypoint {
  fetch() { throw new Error(env.MESSAGE); }
}
Object.setPrototypeOf(Missing.prototype, new Proxy(WorkerEntrypoint.prototype, {
  get(target, name, receiver) {
    if (name in target || typeof name === 'symbol') return Reflect.get(target, name, receiver);
    throw new Error(env.MESSAGE);
  },
}));
export default Missing;
`;

/** What workerd's own \`cloudflare:email\` is made of, without which no Worker that imports it starts. */
export const EMAIL_MODULE = {
  name: 'cloudflare-internal:email',
  source: `
export default {
  EmailMessage: class EmailMessage {
    constructor() { throw new Error('The local account sends and receives no e-mail.'); }
  },
};
`,
};

/**
 * Receives the finished trace items of every Worker (\`ctx.props.worker\` names it) and posts them to Node as lines
 * \`<worker name> TAB <event as JSON>\`. One post at a time: what comes meanwhile goes out with the next one, so that a flood
 * costs few requests. The queue is bounded, and what it cannot hold is counted in the header of the next post.
 * Nothing is kept while nobody listens; \`/on\` and \`/off\` on its own socket switch that,
 * and \`/ping\` tells that the process reacts.
 */
export const TRACE_COLLECTOR_SOURCE = `
const MAX_QUEUED_CHARS = 8 * 1024 * 1024;
const MAX_POST_CHARS = 512 * 1024;
const POST_TIMEOUT_MS = 10_000;
let listening = false;
let lines = [];
let queuedChars = 0;
let dropped = {};
let postingSince = 0;
// What a post has taken that was not answered.
let unanswered;

function count(worker, events) {
  if (events > 0) dropped[worker] = (dropped[worker] ?? 0) + events;
}

// diagnostics_channel gives whatever can be cloned: a BigInt, which JSON does not have, is written as JavaScript writes it.
function jsonOf(item) {
  try {
    return JSON.stringify(item);
  } catch {
    return JSON.stringify(item, (_, value) => (typeof value === 'bigint' ? value + 'n' : value));
  }
}

function lineOf(worker, item) {
  const now = Date.now();
  const event = JSON.parse(jsonOf(item));
  event.scriptName ??= worker;
  event.eventTimestamp ||= now;
  event.event ??= null;
  for (const entry of [...event.logs, ...event.exceptions]) entry.timestamp ||= now;
  return worker + '\\t' + JSON.stringify(event) + '\\n';
}

function enqueue(worker, item) {
  let line;
  try {
    line = lineOf(worker, item);
  } catch {
    // A cycle, or one that nests too deep.
  }
  if (line === undefined || queuedChars + line.length > MAX_QUEUED_CHARS) return count(worker, 1);
  lines.push(line);
  queuedChars += line.length;
}

function take() {
  const taken = { body: '', events: {}, dropped };
  let length = 0;
  while (length < lines.length && taken.body.length < MAX_POST_CHARS) {
    const line = lines[length++];
    const worker = line.slice(0, line.indexOf('\\t'));
    taken.events[worker] = (taken.events[worker] ?? 0) + 1;
    taken.body += line;
  }
  lines.splice(0, length);
  queuedChars -= taken.body.length;
  dropped = {};
  return taken;
}

// What did not arrive is told with the next post.
function giveUp({ events, dropped }) {
  for (const worker in events) count(worker, events[worker]);
  for (const worker in dropped) count(worker, dropped[worker]);
}

async function post(env) {
  // A poster whose request was cancelled never comes back: after a while another one takes over.
  if (Date.now() - postingSince < POST_TIMEOUT_MS) return;
  try {
    if (unanswered !== undefined) giveUp(unanswered);
    while (lines.length > 0 || Object.keys(dropped).length > 0) {
      postingSince = Date.now();
      const taken = take();
      unanswered = taken;
      const headers = { 'fluorite-flake-dropped': JSON.stringify(taken.dropped) };
      const response = await env.NODE.fetch('http://traces/', { method: 'POST', headers, body: taken.body });
      if (!response.ok) throw new Error('Trace events were refused: ' + response.status);
      if (unanswered === taken) unanswered = undefined;
    }
  } catch (error) {
    if (unanswered !== undefined) giveUp(unanswered);
    unanswered = undefined;
    throw error;
  } finally {
    postingSince = 0;
  }
}

export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === '/ping') return new Response(null, { status: 204 });
    listening = pathname === '/on';
    if (!listening) {
      lines = [];
      queuedChars = 0;
      dropped = {};
      unanswered = undefined;
    }
    return new Response(null, { status: 204 });
  },
  async tail(items, env, ctx) {
    if (!listening) return;
    for (const item of items) enqueue(ctx.props.worker, item);
    await post(env);
  },
};
`;

/** Header that names what a request to the storage process is for: \`kv:<namespace>\` or \`r2:<bucket>\`. */
export const RESOURCE_HEADER = 'fluorite-flake-resource';

/**
 * The storage process's one Worker: it finds the namespace or bucket by the header and hands the request to
 * workerd's own KV simulator or to miniflare's R2 simulator, both of which speak the bindings' protocols. Two requests of ours
 * go beyond KV's protocol, told by the header \`fluorite-flake-kv\`: \`get\` adds expiration and metadata, \`clear\` deletes all.
 */
export const STORAGE_SOURCE = `
import kv, { KVNamespace as SimulatedNamespace } from './kv.js';
import { above, fromCursor, toCursor } from './keys.js';
export { Bucket as R2BucketObject } from './bucket.js';

export class KVNamespace extends SimulatedNamespace {
  /** As the simulator's own, but that a NUL does not end a prefix, as it does for SQLite's length(). */
  list(prefix, after, limit) {
    const end = above(prefix);
    const query = 'SELECT key, expiration, metadata FROM entries WHERE key > ? AND key >= ? AND (? IS NULL OR key < ?) ' +
      'AND (expiration IS NULL OR expiration > ?) ORDER BY key LIMIT ?';
    return this.sql.exec(query, after, prefix, end, end, Date.now(), limit).toArray();
  }
}

export default {
  async fetch(request, env) {
    const resource = request.headers.get('${RESOURCE_HEADER}') ?? '';
    const name = decodeURIComponent(resource.slice(3));
    if (resource.startsWith('kv:')) return fetchKv(request, env, name);
    if (resource.startsWith('r2:')) {
      return env.R2.get(env.R2.idFromName(name)).fetch(request, { cf: { miniflare: { name } } });
    }
    return new Response('Unknown storage resource: ' + resource, { status: 400 });
  },
};

function fetchKv(request, env, namespace) {
  const send = (request) => kv.fetch(request, env, { props: { namespace } });
  switch (request.headers.get('fluorite-flake-kv')) {
    case 'get': return getWithDetails(request, send);
    case 'clear': return clear(send);
  }
  const url = new URL(request.url);
  return request.method === 'GET' && url.pathname === '/' ? list(url, namespace, send) : send(request);
}

/** A page of keys. The simulator's cursor is a key: ours tells also which listing it belongs to. */
async function list(url, namespace, send) {
  const scope = ['kv', namespace, url.searchParams.get('prefix') ?? ''];
  const cursor = url.searchParams.get('cursor');
  if (cursor) {
    const inner = fromCursor(cursor, scope);
    if (inner === undefined) {
      return new Response(null, { status: 400, statusText: 'The cursor is not one of this listing' });
    }
    url.searchParams.set('cursor', inner);
  }
  const response = await send(new Request(url));
  if (!response.ok) return response;
  const page = await response.json();
  return Response.json({ ...page, ...(page.cursor && { cursor: toCursor(page.cursor, scope) }) });
}

async function getWithDetails(request, send) {
  const key = decodeURIComponent(request.url.slice(request.url.lastIndexOf('/') + 1));
  const response = await send(request);
  if (!response.ok) return response;
  const page = await listPage(send, key, 1);
  // A key that starts with another one sorts behind it: the first of the page is the key itself.
  const entry = page.keys.find(({ name }) => name === key);
  const headers = new Headers();
  if (entry?.expiration !== undefined) headers.set('fluorite-flake-expiration', String(entry.expiration));
  if (entry?.metadata !== undefined) headers.set('fluorite-flake-metadata', encodeURIComponent(entry.metadata));
  return new Response(response.body, { headers });
}

async function clear(send) {
  for (;;) {
    const page = await listPage(send, '', 1000);
    const deletions = page.keys.map(({ name }) =>
      send(new Request('http://kv/' + encodeURIComponent(name), { method: 'DELETE' })));
    for (const response of await Promise.all(deletions)) if (!response.ok) return response;
    if (page.list_complete) return new Response(null, { status: 204 });
  }
}

async function listPage(send, prefix, limit) {
  const query = new URLSearchParams({ prefix, key_count_limit: String(limit) });
  const response = await send(new Request('http://kv/?' + query));
  if (!response.ok) throw new Error('Listing keys failed: ' + response.status + ' ' + response.statusText);
  return response.json();
}
`;
