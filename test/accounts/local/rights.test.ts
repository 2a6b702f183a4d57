import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { localRoutes } from '../../../src/accounts/local/api/index.js';
import type { RouteTable } from '../../../src/accounts/local/router.js';
import type { LocalRuntime } from '../../../src/accounts/local/runtime.js';
import { answerServed, type Served, tailRoutes } from '../../../src/accounts/local/served-routes.js';
import { SharedApi } from '../../../src/accounts/local/shared-api.js';
import { TailSessions } from '../../../src/accounts/local/tail-sessions.js';
import { temporaryFolder } from './fixture.js';

/** Every call of the runtime that changes what is stored or what runs. */
const changes: string[] = [];
const bytes = () => new Blob(['{}']).stream() as ReadableStream<Uint8Array>;
const object = {
  key: 'k',
  version: '1',
  size: 2,
  etag: 'e',
  uploaded: 0,
  httpMetadata: {},
  customMetadata: {},
  storageClass: 'Standard',
};

/** Holds one value under every key, and notes what would change it. */
const recorder: LocalRuntime = {
  deploy: async () => {
    changes.push('deploy');
    return { startupTimeMs: 1 };
  },
  invoke: async () => {
    changes.push('invoke');
    return new Response('x');
  },
  onTrace: () => () => {},
  kv: {
    get: async () => ({ body: bytes() }),
    put: async () => void changes.push('kv.put'),
    delete: async () => void changes.push('kv.delete'),
    list: async () => ({ keys: [] }),
    clear: async () => void changes.push('kv.clear'),
  },
  r2: {
    head: async () => object,
    get: async () => ({ object, body: bytes() }),
    put: async () => {
      changes.push('r2.put');
      return object;
    },
    delete: async () => void changes.push('r2.delete'),
    wipe: async () => void changes.push('r2.wipe'),
    list: async () => ({ objects: [], delimitedPrefixes: [] }),
  },
  pids: [],
  close: async () => {},
};

const stateDir = await temporaryFolder({ after });
const api = new SharedApi({ stateDir, log: () => {}, createRuntime: async () => recorder });
const tails = new TailSessions(api, (path) => `ws://any${path}`);
after(async () => {
  tails.close();
  await api.close();
});
const everything: Served = { api, tails, readOnly: false };
const readOnly: Served = { api, tails, readOnly: true };

interface Sent {
  method: string;
  path: string;
  body?: string | FormData;
}

async function statusOf(served: Served, { method, path, body }: Sent): Promise<number> {
  const request = new Request(`http://any/client/v4${path}`, { method, ...(body !== undefined && { body }) });
  try {
    const response = await answerServed(served, request);
    await response.body?.cancel();
    return response.status;
  } catch (error) {
    return (error as { status?: number }).status ?? 500;
  }
}

async function send(sent: Sent): Promise<Record<string, string>> {
  const request = new Request(`http://any/client/v4${sent.path}`, sent);
  const response = await answerServed(everything, request);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return (JSON.parse(text) as { result: Record<string, string> }).result;
}

const json = JSON.stringify;
const { id: namespace = '' } = await send({
  method: 'POST',
  path: '/accounts/a/storage/kv/namespaces',
  body: json({ title: 'notes' }),
});
await send({ method: 'POST', path: '/accounts/a/r2/buckets', body: json({ name: 'files' }) });
const worker = () => {
  const form = new FormData();
  form.set('metadata', json({ main_module: 'index.js' }));
  form.set(
    'index.js',
    new File(['export default {}'], 'index.js', { type: 'application/javascript+module' }),
  );
  return form;
};
await send({ method: 'PUT', path: '/accounts/a/workers/scripts/front', body: worker() });

/** Names that look like a part of another route, or are written oddly. */
const ODD = [
  'bulk/get',
  'x/bulk/get',
  'bulk%2Fget',
  'tails',
  'x/tails/y',
  'local/ping',
  'metadata/x',
  '%2e%2e%2fbulk%2fget',
  'x%00/bulk/get',
  'ü 🔑/bulk/get',
  'x?y=/bulk/get',
  '__proto__',
];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const EXISTING: Readonly<Record<string, string>> = {
  namespace,
  bucket: 'files',
  script: 'front',
  account: 'a',
};
const ALL = { ...localRoutes, ...tailRoutes };

/** The paths of a route: with a plain name, and with odd ones, in its open place and behind its end. */
function pathsOf(path: string): string[] {
  const fill = (open: string) =>
    path.replace(/:(\w+)\*?/g, (_, name: string) => EXISTING[name] ?? open).replace(/^\/local/, '/local');
  return [fill('plain'), ...ODD.map(fill), ...ODD.map((odd) => `${fill('plain')}/${odd}`)];
}

const routes = Object.entries(ALL).map(([key, { effect }]) => {
  const [method = '', path = ''] = key.split(' ');
  return { key, method, path, effect };
});

test('with read-only rights no method on any path changes anything, whatever its keys are called', async () => {
  assert.ok(routes.length > 50);
  const before = await readFile(join(stateDir, 'state.jsonl'));
  changes.length = 0;
  for (const path of new Set(routes.flatMap((route) => pathsOf(route.path)))) {
    for (const method of METHODS) {
      const hasBody = method !== 'GET' && method !== 'HEAD';
      for (const body of hasBody ? [json({ title: 't', name: 'n', keys: ['k'] }), json(['k'])] : [undefined])
        await statusOf(readOnly, { method, path, body });
      assert.deepEqual(changes, [], `${method} ${path}`);
    }
  }
  assert.deepEqual(await readFile(join(stateDir, 'state.jsonl')), before);
});

test('with read-only rights every route that may change something is refused as forbidden', async () => {
  for (const { key, method, path, effect } of routes) {
    if (effect === 'read' || path.startsWith('/local/')) continue;
    for (const odd of pathsOf(path).slice(0, 1 + ODD.length)) {
      // An odd name may be two parts where the route has room for one: then there is no such route.
      const status = await statusOf(readOnly, { method, path: odd, body: json({}) });
      assert.ok(
        path.includes('*') || odd === pathsOf(path)[0] ? status === 403 : status >= 400,
        `${key} ${odd}`,
      );
    }
  }
});

test('a route that says that it reads changes nothing when it is allowed everything', async () => {
  const before = await readFile(join(stateDir, 'state.jsonl'));
  changes.length = 0;
  for (const { key, method, path, effect } of routes) {
    if (effect === 'write' || path.startsWith('/local/')) continue;
    for (const filled of pathsOf(path)) {
      for (const body of method === 'GET' ? [undefined] : [json({ keys: ['k'] }), json({ filters: [] })])
        await statusOf(everything, { method, path: filled, body });
      assert.deepEqual(changes, [], `${key} ${filled}`);
    }
  }
  assert.deepEqual(await readFile(join(stateDir, 'state.jsonl')), before);
});

test('a route that does not say what it may change does not compile', () => {
  const handle = () => new Response(null);
  // @ts-expect-error It has no effect.
  const table: RouteTable = { 'GET /any': { handle } };
  assert.equal(Object.keys(table).length, 1);
});
