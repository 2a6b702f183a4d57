import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import type { TauriSidecar as Sidecar, SidecarError, SidecarOptions } from '../../bridge/index.js';
import {
  ACCOUNT_ID,
  type Answer,
  type CloudServer,
  cloudServer,
  failed,
  json,
  ok,
  tailAnswers,
} from '../accounts/cloud-server.js';
import { importLibrary } from '../support/built.js';
import { until } from '../support/scenario.js';
import { temporaryFolder } from '../support/temporary-folder.js';

// Nothing that a caller, a Worker, KV, R2 or Cloudflare can produce ends a session.

const { TauriSidecar } = await importLibrary();
const folder = temporaryFolder();
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
console.log(`# seed ${seed} (FUZZ_SEED=${seed} replays it)`);

const running: Sidecar[] = [];
after(() => Promise.all(running.map((sidecar) => sidecar.stop())));

/** A running sidecar, and a check that its CLI is still the first one and was never at fault. */
async function started(name: string, options: SidecarOptions) {
  const sidecar = new TauriSidecar({
    stateDir: join(folder, name),
    cwd: folder,
    restartDelay: 10,
    ...options,
  });
  running.push(sidecar);
  const faults: unknown[] = [];
  for (const event of ['ipc-error', 'process-exit', 'error'] as const) {
    sidecar.on(event, (fault: unknown) => faults.push([event, fault]));
  }
  await sidecar.start();
  const { pid } = sidecar;
  const call = sidecar.call.bind(sidecar) as (method: string, params?: unknown) => Promise<unknown>;
  /** What a call came to: `ok`, or its code. */
  const outcome = (method: string, params?: unknown) =>
    call(method, params).then(
      () => 'ok',
      (error: SidecarError) => error.code,
    );
  const lives = async () => {
    assert.deepEqual(faults, []);
    assert.equal((await sidecar.call('system.ping', { payload: 'alive' })).payload, 'alive');
    assert.equal(sidecar.pid, pid);
  };
  return { sidecar, outcome, lives };
}

function nested(depth: number, isObject = false): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = isObject ? { a: value } : [value];
  return value;
}

const SCRIPT = `
const nested = (depth, isMixed = true) => {
  let value = 1;
  for (let i = 0; i < depth; i++) value = isMixed && i % 2 ? { a: value } : [value];
  return value;
};
export default { async fetch(request, env) {
  const { pathname, searchParams } = new URL(request.url);
  const n = Number(searchParams.get('n'));
  switch (pathname) {
    case '/log': console.log(nested(n)); break;
    case '/long': console.log('é'.repeat(n)); break;
    case '/half': console.log('\\ud800' + '\\udc00\\ud800'.repeat(n)); break;
    case '/throw': throw new Error('x'.repeat(n));
    case '/cause': throw new Error('deep', { cause: nested(n) });
    case '/kv': await env.KV.put('key ' + n, 'v', { metadata: nested(n, false) }); break;
    case '/r2': await env.R2.put('key ' + n, 'v', { customMetadata: { a: '"'.repeat(n) } }); break;
    case '/headers': return new Response('x', { headers: { '__proto__': 'a', 'x-long': 'h'.repeat(n), 'x-latin': '\\u00ff' } });
    case '/body': return new Response('"'.repeat(n));
    case '/bytes': return new Response(new Uint8Array(n).fill(255));
  }
  return new Response('done');
} }`;

/** Depths about each limit, and past what V8 writes. */
const depth = fc.oneof(fc.integer({ min: 240, max: 260 }), fc.constantFrom(1, 500, 1000, 4000, 50_000));
const path = fc.oneof(
  depth.map((n) => `/log?n=${n}`),
  depth.map((n) => `/cause?n=${n}`),
  fc.integer({ min: 230, max: 511 }).map((n) => `/kv?n=${n}`),
  fc.constantFrom(10, 2000, 20_000).map((n) => `/r2?n=${n}`),
  fc.constantFrom(10, 100_000, 5_000_000).map((n) => `/long?n=${n}`),
  fc.constantFrom(10, 100_000).map((n) => `/half?n=${n}`),
  fc.constantFrom(10, 1_000_000).map((n) => `/throw?n=${n}`),
  fc.constantFrom(10, 70_000, 200_000).map((n) => `/headers?n=${n}`),
  fc.constantFrom(10, 300_000, 1_000_000, 2_000_000).map((n) => `/body?n=${n}`),
  fc.constantFrom(10, 700_000, 800_000).map((n) => `/bytes?n=${n}`),
);

test('whatever a caller sends and a Worker does, the session lives and every call has its own answer', async () => {
  const { sidecar, outcome, lives } = await started('local', { account: 'local', maxBodyBytes: 1024 * 1024 });
  const { namespace } = await sidecar.call('dashboard.createKvNamespace', { title: 'n' });
  await sidecar.call('dashboard.createR2Bucket', { name: 'bucket' });
  const bindings = [
    { type: 'kv_namespace', name: 'KV', namespace_id: namespace.id },
    { type: 'r2_bucket', name: 'R2', bucket_name: 'bucket' },
  ];
  await sidecar.call('dashboard.deployWorker', { name: 'w', script: SCRIPT, bindings: bindings as never });
  const tail = sidecar.tailLogs({ workerName: 'w' });
  await tail.ready;
  let seen = 0;
  const reading = (async () => {
    for await (const event of tail) if ('logs' in event) seen++;
  })();
  let invoked = 0;

  const checkParams = fc.asyncProperty(depth, fc.boolean(), async (levels, isObject) => {
    const value = nested(levels, isObject);
    const fits = levels <= 254 ? 'ok' : 'invalid-params';
    const put = { namespaceId: namespace.id, key: `put ${levels}`, value: 'v', metadata: nested(levels) };
    const found = await Promise.all([
      outcome('system.ping', { payload: value }),
      sidecar.callRaw('system.ping', { payload: value }).then(
        () => 'ok',
        ({ code }) => code,
      ),
      sidecar.remote.call('system.ping', { payload: value }).then(
        () => 'ok',
        ({ code }) => code,
      ),
      outcome('kv.put', put),
      outcome('system.ping', { payload: { toJSON: () => value } }),
    ]);
    assert.deepEqual(found, [fits, fits, fits, levels <= 252 ? 'ok' : 'invalid-params', fits]);
  });
  const checkWorker = fc.asyncProperty(fc.array(path, { minLength: 1, maxLength: 8 }), async (urls) => {
    invoked += urls.length;
    const codes = await Promise.all(urls.map((url) => outcome('dashboard.invokeWorker', { name: 'w', url })));
    for (const [at, code] of codes.entries()) {
      assert.ok(['ok', 'result-too-large', 'workerd-failed'].includes(code), `${urls[at]}: ${code}`);
    }
  });
  await fc.assert(checkParams, { seed, numRuns: 20 });
  await lives();
  await fc.assert(checkWorker, { seed, numRuns: 20 });
  await lives();

  // Every key is listed, those too whose metadata has no room in a message, and every one can be read and deleted.
  await sidecar.call('dashboard.invokeWorker', { name: 'w', url: '/kv?n=511' });
  invoked++;
  let marked = 0;
  const { items } = await sidecar.call('kv.listKeys', { namespaceId: namespace.id });
  for (const { name, metadata, metadataOmitted } of items) {
    const isDeep = Number(name.split(' ')[1]) > 252;
    assert.deepEqual([metadata === undefined, metadataOmitted ?? false], [isDeep, isDeep], name);
    const got = await sidecar.call('kv.get', { namespaceId: namespace.id, key: name });
    assert.deepEqual([got.value, got.metadataOmitted ?? false], ['v', isDeep]);
    await sidecar.call('kv.delete', { namespaceId: namespace.id, key: name });
    if (isDeep) marked++;
  }
  assert.ok(marked > 0);
  assert.deepEqual((await sidecar.call('kv.listKeys', { namespaceId: namespace.id })).items, []);
  for (const { key } of (await sidecar.call('r2.listObjects', { bucket: 'bucket' })).items) {
    await sidecar.call('r2.deleteObject', { bucket: 'bucket', key });
  }

  // Each event was delivered, or counted.
  // What was left out is told with the next batch.
  await sidecar.call('dashboard.invokeWorker', { name: 'w', url: '/log?n=1' });
  invoked++;
  await until('every event is seen or counted', () => seen + tail.dropped === invoked);
  assert.ok(tail.dropped > 0);
  tail.stop();
  await reading;
  await lives();
});

const EVENT = { scriptName: 'w', outcome: 'ok', eventTimestamp: 1, logs: [], exceptions: [], event: null };
const deepText = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
const raw =
  (body: string, status = 200): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(body);
  };
const ANSWERS: readonly Answer[] = [
  ok([]),
  ok(null),
  ok(nested(300)),
  ok(nested(900)),
  raw(`{"success":true,"errors":[],"messages":[],"result":${deepText(50_000)}}`),
  raw(`{"success":false,"errors":${deepText(50_000)},"result":null}`, 400),
  raw(`{"success":false,"errors":[{"code":${deepText(900)},"message":${deepText(900)}}],"result":null}`, 400),
  raw(`{"success":false,"errors":[{"code":{"toString":1},"message":{"toString":1}}],"result":null}`, 400),
  raw(deepText(50_000), 404),
  failed(400, 1, {}, '"'.repeat(500_000)),
  failed(400, 1, {}, '\ud800'.repeat(1000)),
  json({ success: false, errors: Array.from({ length: 10_000 }, () => ({ code: 1, message: 'x' })) }, 400),
  ok(Array.from({ length: 99 }, (_, at) => ({ id: `w-${at}`, name: `n-${at}`, title: 't'.repeat(4000) }))),
  ok([{ id: 'w', name: 'n', title: 't', handlers: nested(300), compatibility_flags: [nested(500)] }]),
];

test('whatever Cloudflare answers, the session lives and only the call that asked for it fails', async (t) => {
  const tails = tailAnswers(() => fake);
  let answer: Answer = ok([]);
  const fake: CloudServer = await cloudServer(t, (call) =>
    call.url.includes('/tails') ? tails(call) : answer,
  );
  const { sidecar, outcome, lives } = await started('cloud', {
    account: 'cloud',
    maxBodyBytes: 256 * 1024,
    env: {
      CLOUDFLARE_API_TOKEN: 'token-of-a-test',
      CLOUDFLARE_ACCOUNT_ID: ACCOUNT_ID,
      CLOUDFLARE_API_BASE_URL: fake.baseURL,
    },
  });
  const namespaceId = '0'.repeat(32);
  const METHODS: [string, unknown][] = [
    ['dashboard.listWorkers', {}],
    ['dashboard.listR2Buckets', {}],
    ['dashboard.listKvNamespaces', {}],
    ['dashboard.getData', {}],
    ['kv.listKeys', { namespaceId }],
    ['r2.listObjects', { bucket: 'bucket' }],
    ['dashboard.deleteWorker', { name: 'w' }],
  ];
  for (const [at, one] of ANSWERS.entries()) {
    answer = one;
    const codes = await Promise.all(METHODS.map(([method, params]) => outcome(method, params)));
    for (const [which, code] of codes.entries()) {
      const lost = ['protocol-error', 'indeterminate', 'connection-lost', 'timeout'];
      assert.ok(!lost.includes(code), `answer ${at}, ${METHODS[which]?.[0]}: ${code}`);
    }
    assert.equal(codes[3], 'ok', `answer ${at}: a dashboard tells of each product by itself`);
    await lives();
  }

  answer = ok([
    { name: 'plain', metadata: 1 },
    { name: 'deep', metadata: nested(512) },
    { name: '\u0001'.repeat(512), expiration: null, metadata: '\u0001'.repeat(1024) },
  ]);
  const { items } = await sidecar.call('kv.listKeys', { namespaceId });
  assert.deepEqual(items[0], { name: 'plain', metadata: 1 });
  assert.deepEqual(items[1], { name: 'deep', metadataOmitted: true });
  assert.equal(items.length, 3);
  answer = ok([
    { key: 'k', size: 1, etag: 'e', http_metadata: nested(300), custom_metadata: { a: 'b', c: nested(300) } },
  ]);
  const [object] = (await sidecar.call('r2.listObjects', { bucket: 'bucket' })).items;
  assert.deepEqual([object?.key, object?.customMetadata], ['k', { a: 'b' }]);

  const tail = sidecar.tailLogs({ workerName: 'w' });
  await tail.ready;
  const { socket } = fake.sockets[0] as CloudServer['sockets'][0];
  const messages = [
    JSON.stringify(EVENT),
    JSON.stringify(EVENT).replace('null', deepText(253)),
    JSON.stringify(EVENT).replace('null', deepText(50_000)),
    `{"event":${deepText(50_000)}}`,
    deepText(50_000),
    'no JSON',
    JSON.stringify({ ...EVENT, event: 'x'.repeat(500_000) }),
    JSON.stringify({ ...EVENT, event: '\ud800é' }),
    JSON.stringify({ ...EVENT, event: 'last' }),
  ];
  for (const message of messages) socket.send(message);
  const seen: unknown[] = [];
  for await (const event of tail) {
    if ('event' in event) seen.push(event.event);
    if (seen.at(-1) === 'last') break;
  }
  assert.deepEqual(seen, [null, '\ud800é', 'last']);
  assert.equal(tail.dropped, 6);
  await lives();
});
