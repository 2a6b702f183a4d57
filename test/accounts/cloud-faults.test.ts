import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { parseParams, parseResult, SidecarError } from '../../src/protocol/index.js';
import { createHandlers } from '../../src/server/handlers/index.js';
import { createServices } from '../../src/server/services.js';
import { callContext } from '../support/call-context.js';
import { VirtualClock } from '../support/fault-clock.js';
import { heldToContract } from '../support/listed-errors.js';
import {
  ACCOUNT_ID,
  type Answer,
  CANARY,
  type CloudOptions,
  type CloudServer,
  cloudAccount,
  cloudServer,
  failed,
  json,
  ok,
} from './cloud-server.js';
import { until } from './local/fixture.js';

const LIMIT_MS = 60_000;
const QUICK: CloudOptions = {
  limits: { backoffMs: 2, requestMs: LIMIT_MS, uploadMs: LIMIT_MS, idleMs: LIMIT_MS },
};
const KV_ID = 'f'.repeat(32);

/** Handlers on a server that gives these answers in turn, and the last of them for ever. */
async function handlersOn(t: TestContext, ...answers: Answer[]) {
  const fake = await cloudServer(t, () => (answers.length > 1 ? answers.shift() : answers[0]) as Answer);
  const { account, log } = await cloudAccount(t, fake, QUICK);
  const handlers = heldToContract(
    createHandlers(
      createServices({ openAccount: async () => account, cwd: '/', log: (line) => log.push(line) }),
    ),
  );
  return { fake, log, handlers };
}

async function failure(run: () => unknown): Promise<SidecarError> {
  const error = await Promise.resolve()
    .then(run)
    .then(
      () => assert.fail('it succeeded'),
      (thrown: unknown) => thrown,
    );
  assert.ok(error instanceof SidecarError, String(error));
  assert.doesNotMatch(JSON.stringify(error.toWire()) + stacks(error), new RegExp(CANARY));
  return error;
}

function stacks(error: unknown): string {
  return error instanceof Error ? `${error.stack}${stacks(error.cause)}` : '';
}

/** Ends the connection in the middle of the answer. */
const cutShort: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
  response.write('{"success":true,"result":[');
  setImmediate(() => response.destroy());
};
/** No machine is too slow for a limit: it passes when the server has what it does not answer, and never else. */
const clock = new VirtualClock();
before(() => clock.install(1000));
after(() => clock.uninstall());
const silence: Answer = () => void clock.advance(LIMIT_MS);
/** Time passes once this much of the answer is there. */
async function stall(): Promise<void> {
  const seen = heads;
  await until(() => heads > seen, 'the head of the answer');
  await clock.advance(LIMIT_MS);
}
const stalls: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write('{"success":true,');
  void stall();
};
/** How many answers have begun to arrive. */
let heads = 0;
const { fetch } = globalThis;
globalThis.fetch = async (...request) => {
  const response = await fetch(...request);
  heads += 1;
  return response;
};
const page: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in to the hotel');
};
const gateway: Answer = (response) => {
  response.writeHead(502, { 'content-type': 'text/html' }).end('<html>bad gateway');
};
const redirect: Answer = (response) => {
  response.writeHead(302, { location: 'http://127.0.0.1:9/elsewhere?secret' }).end();
};

test('every fault of Cloudflare is a typed error in bounded time', async (t) => {
  const cases: [string, Answer, string, number][] = [
    ['401', failed(401, 10000), 'credentials-invalid', 1],
    ['403', failed(403, 10000), 'permission-denied', 1],
    ['404', failed(404, 7003), 'not-found', 1],
    ['409', failed(409, 1), 'conflict', 1],
    ['429, an hour', failed(429, 971, { 'retry-after': '3600' }), 'rate-limited', 1],
    ['429, at once', failed(429, 971, { 'retry-after': '0' }), 'rate-limited', 3],
    ['a storm of 500', failed(500, 10001), 'cloudflare-error', 3],
    ['a bad gateway', gateway, 'cloudflare-error', 3],
    ['a body cut short', cutShort, 'network-error', 3],
    ['a redirect', redirect, 'cloudflare-error', 1],
    ['a hang', silence, 'network-error', 3],
    ['a hang in the body', stalls, 'network-error', 3],
    ['a page of HTML', page, 'cloudflare-error', 1],
    ['another JSON', json({ hello: 'world' }), 'cloudflare-error', 1],
    ['null', json(null), 'cloudflare-error', 1],
  ];
  for (const [name, answer, code, attempts] of cases) {
    const { fake, handlers, log } = await handlersOn(t, answer);
    const error = await failure(() => handlers['dashboard.listWorkers']({}, callContext()));
    assert.equal(error.code, code, `${name}: ${error.message}`);
    assert.equal(fake.calls.length, attempts, name);
    assert.deepEqual(log, []);
  }
});

test('what passes is recovered from', async (t) => {
  const passing: Answer[] = [
    failed(503, 1),
    cutShort,
    silence,
    failed(429, 971, { 'retry-after': '0' }),
    gateway,
  ];
  for (const answer of passing) {
    const { fake, handlers } = await handlersOn(t, answer, ok([]));
    assert.deepEqual(await handlers['dashboard.listWorkers']({}, callContext()), []);
    assert.equal(fake.calls.length, 2);
  }
});

test('what may have been carried out is not sent again, but what was refused for its rate is', async (t) => {
  const create = { name: 'bucket' };
  for (const answer of [failed(500, 1), cutShort, silence]) {
    const { fake, handlers } = await handlersOn(t, answer);
    await failure(() => handlers['dashboard.createR2Bucket'](create, callContext()));
    await failure(() => handlers['dashboard.deleteR2Bucket'](create, callContext()));
    await failure(() => handlers['dashboard.deleteWorker']({ name: 'w' }, callContext()));
    assert.deepEqual(
      fake.calls.map(({ method }) => method),
      ['POST', 'DELETE', 'DELETE'],
    );
  }
  const limited = await handlersOn(t, failed(429, 971, { 'retry-after': '0' }), ok({ name: 'bucket' }));
  await limited.handlers['dashboard.createR2Bucket'](create, callContext());
  assert.equal(limited.fake.calls.length, 2);
});

test('Retry-After is waited for, a longer one is told', async (t) => {
  const { fake, handlers } = await handlersOn(t, failed(429, 971, { 'retry-after': '7' }), ok([]));
  const listing = handlers['dashboard.listWorkers']({}, callContext());
  await until(() => clock.isWaitedFor(7000), 'the wait');
  await clock.advance(6999);
  assert.equal(fake.calls.length, 1);
  await clock.advance(1);
  await listing;
  assert.equal(fake.calls.length, 2);
  const long = await handlersOn(t, failed(429, 971, { 'retry-after': '300' }));
  const error = await failure(() => long.handlers['dashboard.listWorkers']({}, callContext()));
  assert.equal(error.data.retryAfterMs, 300_000);
  assert.match(error.message, /300 s/);
});

test('a quota that is used up is told before the next request is sent', async (t) => {
  const answer = json({ success: true, result: [] }, 200, { ratelimit: '"default";r=0;t=120' });
  const { fake, handlers } = await handlersOn(t, answer);
  await handlers['dashboard.listWorkers']({}, callContext());
  const error = await failure(() => handlers['dashboard.listWorkers']({}, callContext()));
  assert.equal(error.code, 'rate-limited');
  assert.ok(Number(error.data.retryAfterMs) > 100_000);
  assert.equal(fake.calls.length, 1);
});

test('a cancelled call ends its request, also while it waits for the next attempt', async (t) => {
  const { fake, handlers } = await handlersOn(t, silence);
  const closed: boolean[] = [];
  const aborter = new AbortController();
  fake.answer = () => (response) => response.once('close', () => closed.push(true));
  const call = failure(() => handlers['dashboard.listWorkers']({}, callContext(aborter.signal)));
  await until(() => fake.calls.length === 1, 'the request');
  aborter.abort();
  assert.equal((await call).code, 'cancelled');
  await until(() => closed.length === 1, 'the end of the request');
  fake.answer = () => failed(503, 1, { 'retry-after': '9' });
  const waiting = new AbortController();
  const second = failure(() => handlers['dashboard.listWorkers']({}, callContext(waiting.signal)));
  await until(() => clock.isWaitedFor(9000), 'the wait for the next attempt');
  waiting.abort();
  assert.equal((await second).code, 'cancelled');
});

test('a value that is cut short or stops coming is an error, and a slow reader is none', async (t) => {
  const value =
    (end: (response: Parameters<Answer>[0]) => void): Answer =>
    (response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': '100' });
      response.write('x');
      end(response);
    };
  for (const [answer, message] of [
    [value((response) => setImmediate(() => response.destroy())), /cut short/],
    [value(() => void stall()), /nothing more/],
  ] as const) {
    const { handlers } = await handlersOn(t, answer);
    const error = await failure(() =>
      handlers['r2.getObject']({ bucket: 'bucket', key: 'k' }, callContext()),
    );
    assert.equal(error.code, 'network-error', error.message);
    assert.match(error.message, message);
  }
});

test('a 403 for one product is one entry of errors, and the rest of the dashboard is there', async (t) => {
  const { fake, handlers } = await handlersOn(t, ok([]));
  fake.answer = ({ url }) => {
    if (url.includes('/r2/buckets')) return failed(403, 10000);
    if (url.includes('/storage/kv/namespaces')) return ok([{ id: KV_ID, title: 't' }]);
    if (url.includes('/graphql')) return cutShort;
    return ok([]);
  };
  const data = parseResult('dashboard.getData', await handlers['dashboard.getData']({}, callContext()));
  assert.equal(data.account.id, ACCOUNT_ID);
  assert.equal(data.kvNamespaces[0]?.id, KV_ID);
  assert.deepEqual(data.errors.map(({ product, code }) => `${product} ${code}`).sort(), [
    'analytics network-error',
    'r2 permission-denied',
  ]);
});

test('writing a value is repeated, as it has the same effect twice', async (t) => {
  const { fake, handlers } = await handlersOn(t, failed(503, 1), ok(null));
  const params = parseParams('kv.put', { namespaceId: KV_ID, key: 'k', value: 'hello' });
  await handlers['kv.put'](params, callContext());
  assert.deepEqual(
    fake.calls.map(({ method, body }) => [method, body]),
    [
      ['PUT', 'hello'],
      ['PUT', 'hello'],
    ],
  );
});

test('a server that is not there is a network error', async (t) => {
  const { fake, handlers } = await handlersOn(t, ok([]));
  const gone: CloudServer = { ...fake, baseURL: 'http://127.0.0.1:9/client/v4' };
  const { account } = await cloudAccount(t, gone, QUICK);
  const other = heldToContract(
    createHandlers(createServices({ openAccount: async () => account, cwd: '/', log: () => {} })),
  );
  const error = await failure(() => other['dashboard.listWorkers']({}, callContext()));
  assert.equal(error.code, 'network-error');
  assert.match(error.message, /ECONNREFUSED|bad port/);
  assert.deepEqual(await handlers['dashboard.listWorkers']({}, callContext()), []);
});

test('listings are read to their last page, and one without end or without a list is an error', async (t) => {
  const { fake, handlers } = await handlersOn(t, ok([]));
  const names = Array.from({ length: 250 }, (_, n) => ({
    id: `${n}`,
    title: `t${n}`,
    name: `n${n}`,
    creation_date: '',
  }));
  fake.answer = ({ url }) => {
    const query = new URL(url, 'http://x').searchParams;
    if (url.includes('/graphql')) return json({ data: {} });
    if (url.includes('/r2/buckets')) {
      const from = Number(query.get('cursor') ?? 0);
      const more = from + 100 < 250 && { cursor: String(from + 100) };
      return json({
        success: true,
        result: { buckets: names.slice(from, from + 100) },
        result_info: more || {},
      });
    }
    if (url.includes('/workers/scripts')) return ok([]);
    const from = (Number(query.get('page')) - 1) * 100;
    return ok(names.slice(from, from + 100));
  };
  const data = await handlers['dashboard.getData']({}, callContext());
  assert.deepEqual(data.errors, []);
  const { r2Buckets, kvNamespaces, durableObjects } = data;
  assert.deepEqual(
    [r2Buckets, kvNamespaces, durableObjects].map((list) => [
      list.length,
      new Set(list.map((one) => JSON.stringify(one))).size,
    ]),
    [
      [250, 250],
      [250, 250],
      [250, 250],
    ],
  );
  for (const result of [{}, 'text', [null]]) {
    fake.answer = ({ url }) => (url.includes('/graphql') ? json({ data: null }) : ok(result));
    const { errors } = await handlers['dashboard.getData']({}, callContext());
    assert.deepEqual(
      errors.map(({ product, code }) => `${product} ${code}`).sort(),
      ['analytics', 'deployments', 'durableObjects', 'kv', 'r2', 'workers'].map(
        (product) => `${product} cloudflare-error`,
      ),
    );
  }
});
