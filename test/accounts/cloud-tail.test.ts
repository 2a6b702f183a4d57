import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { WebSocket } from 'ws';
import type { TailTiming } from '../../src/accounts/cloud-tail.js';
import { TailOverlap } from '../../src/accounts/cloud-tail-overlap.js';
import { VirtualClock } from '../support/fault-clock.js';
import { HANG_MS } from '../support/until.js';
import {
  ACCOUNT_ID,
  CANARY,
  type CloudServer,
  cloudAccount,
  cloudServer,
  failed,
  tailAnswers,
} from './cloud-server.js';
import { collect, never, until } from './local/fixture.js';

const QUICK: Partial<TailTiming> = { backoffMs: 5, maxBackoffMs: 20, deleteMs: HANG_MS, openMs: HANG_MS };

const event = (n: number) =>
  JSON.stringify({
    scriptName: 'w',
    outcome: 'ok',
    eventTimestamp: n,
    logs: [],
    exceptions: [],
    event: { n },
  });

async function tailOn(t: TestContext, timing: Partial<TailTiming> = {}, livesMs?: () => number) {
  const fake: CloudServer = await cloudServer(t, (call) => answers(call));
  const answers = tailAnswers(() => fake, livesMs);
  const { account, log } = await cloudAccount(t, fake, { tailTiming: { ...QUICK, ...timing } });
  const sink = collect();
  return { fake, answers, account, log, sink };
}

const numbers = (sink: ReturnType<typeof collect>) =>
  sink.events
    .map((one) => (one as unknown as { event: { n?: number; type?: string } }).event)
    .map(({ n, type }) => n ?? type);
const deleted = ({ calls }: CloudServer) =>
  calls.filter(({ method }) => method === 'DELETE').map(({ url }) => url.split('/').at(-1));

test('a tail is created with its filters, streams its events, and is deleted when it is closed', async (t) => {
  const { fake, account, sink } = await tailOn(t);
  const params = {
    workerName: 'w',
    status: ['error' as const],
    method: ['post'],
    search: 'x',
    headers: [{ key: 'h', query: 'v' }],
  };
  const tail = await account.openTail(params, sink, never());
  assert.equal(fake.calls[0]?.url, `/accounts/${ACCOUNT_ID}/workers/scripts/w/tails`);
  assert.equal(fake.calls[0]?.headers.authorization, `Bearer ${CANARY}`);
  assert.deepEqual(JSON.parse(fake.calls[0]?.body ?? ''), {
    filters: [
      { outcome: ['exception', 'exceededCpu', 'exceededMemory', 'unknown'] },
      { method: ['POST'] },
      { header: { key: 'h', query: 'v' } },
      { query: 'x' },
    ],
  });
  await until(() => fake.sockets.length === 1, 'the socket');
  const [{ socket, request }] = fake.sockets as [(typeof fake.sockets)[0]];
  assert.equal(request.headers['sec-websocket-protocol'], 'trace-v1');
  assert.equal(request.headers.authorization, undefined);
  for (let n = 0; n < 3; n += 1) socket.send(Buffer.from(event(n)));
  await until(() => sink.events.length === 3, 'three events');
  await tail.close();
  await tail.close();
  assert.deepEqual(deleted(fake), ['tail-1']);
  assert.deepEqual(sink.ended, []);
});

test('a socket that closes is replaced, and the gap is told between what came before and after', async (t) => {
  const { fake, account, log, sink } = await tailOn(t);
  await account.openTail({ workerName: 'w' }, sink, never());
  await until(() => fake.sockets.length === 1, 'the first socket');
  fake.sockets[0]?.socket.send(event(1));
  await until(() => sink.events.length === 1, 'the first event');
  fake.sockets[0]?.socket.close(1011);
  await until(() => sink.events.length === 2, 'the gap');
  fake.sockets[1]?.socket.send(event(2));
  await until(() => sink.events.length === 3, 'the second event');
  assert.deepEqual(numbers(sink), [1, 'gap', 2]);
  await until(() => deleted(fake).length === 1, 'the deletion');
  assert.deepEqual(deleted(fake), ['tail-1']);
  assert.match(log.join('\n'), /connection was lost.*1011/);
});

/** A clock whose seconds are turned by hand. */
function clockOf(t: TestContext): VirtualClock {
  const clock = new VirtualClock();
  clock.install(1000);
  t.after(() => clock.uninstall());
  return clock;
}

test('a socket that gives no sign of life is replaced', async (t) => {
  const clock = clockOf(t);
  const { fake, account, sink } = await tailOn(t, { pingMs: 10_000 });
  await account.openTail({ workerName: 'w' }, sink, never());
  await until(() => fake.sockets.length === 1, 'the first socket');
  // It reads nothing any more: no ping reaches it.
  fake.sockets[0]?.request.socket.pause();
  await clock.advance(20_000);
  await until(() => sink.events.length === 1, 'the gap');
  assert.match(JSON.stringify(sink.events[0]), /no sign of life/);
  assert.equal(fake.sockets.length, 2);
});

test('a quiet socket that answers pings stays', async (t) => {
  const clock = clockOf(t);
  let pongs = 0;
  const { emit } = WebSocket.prototype;
  t.mock.method(WebSocket.prototype, 'emit', function (this: WebSocket, ...event: Parameters<typeof emit>) {
    if (event[0] === 'pong') pongs += 1;
    return emit.apply(this, event);
  });
  const { fake, account, sink } = await tailOn(t, { pingMs: 10_000 });
  await account.openTail({ workerName: 'w' }, sink, never());
  for (let ping = 1; ping < 8; ping += 1) {
    await clock.advance(10_000);
    await until(() => pongs === ping, 'the pong');
  }
  assert.equal(fake.sockets.length, 1);
  assert.deepEqual(sink.events, []);
});

test('before it expires a session is replaced without a gap and without a duplicate', async (t) => {
  let livesMs = 400;
  const { fake, account, sink } = await tailOn(
    t,
    { renewBeforeMs: 300, minRenewMs: 1, overlapMs: 150 },
    () => livesMs,
  );
  await account.openTail({ workerName: 'w' }, sink, never());
  livesMs = 3_600_000;
  let n = 0;
  // What happens in the Worker reaches every session there is; the same line may be logged twice.
  const sendToAll = () => {
    n += 1;
    for (const { socket } of fake.sockets) if (socket.readyState === 1) socket.send(event(Math.floor(n / 2)));
  };
  const timer = setInterval(sendToAll, 2);
  t.after(() => clearInterval(timer));
  await until(() => deleted(fake).length === 1, 'the end of the first session');
  const sentThen = n;
  await until(() => n > sentThen + 20, 'some more events');
  clearInterval(timer);
  await until(() => sink.events.length === n, 'every event');
  assert.deepEqual(
    numbers(sink),
    Array.from({ length: n }, (_, i) => Math.floor((i + 1) / 2)),
  );
  assert.deepEqual(deleted(fake), ['tail-1']);
  assert.equal(sink.lost, 0);
});

test('a renewal that fails is tried again while the old session goes on', async (t) => {
  let livesMs = 50;
  const { fake, answers, account, log, sink } = await tailOn(
    t,
    { renewBeforeMs: 40, minRenewMs: 10, overlapMs: 5 },
    () => livesMs,
  );
  await account.openTail({ workerName: 'w' }, sink, never());
  livesMs = 3_600_000;
  fake.answer = (call) => (call.method === 'POST' ? failed(400, 4242) : answers(call));
  await until(() => log.some((line) => line.includes('not renewed yet')), 'a failed renewal');
  fake.sockets[0]?.socket.send(event(1));
  await until(() => sink.events.length === 1, 'an event of the old session');
  fake.answer = answers;
  await until(() => fake.sockets.length === 2 && deleted(fake).length === 1, 'the new session');
  fake.sockets[1]?.socket.send(event(2));
  await until(() => sink.events.length === 2, 'an event of the new session');
  assert.deepEqual(numbers(sink), [1, 2]);
});

test('garbage is counted and does not reach the client; notices with less are made whole', async (t) => {
  const { fake, account, log, sink } = await tailOn(t);
  await account.openTail({ workerName: 'w' }, sink, never());
  await until(() => fake.sockets.length === 1, 'the socket');
  const notice = { event: { type: 'overload', message: 'Tail is in sampling mode' } };
  for (const message of [
    '{',
    '[]',
    'null',
    '{"a":1}',
    Buffer.from([0xff, 0xfe]),
    JSON.stringify(notice),
    event(1),
  ])
    fake.sockets[0]?.socket.send(message);
  await until(() => sink.events.length === 2, 'the events');
  assert.equal(sink.lost, 5);
  assert.equal(log.length, 5);
  assert.deepEqual(sink.events[0], {
    ...notice,
    scriptName: 'w',
    outcome: 'unknown',
    eventTimestamp: null,
    logs: [],
    exceptions: [],
  } as never);
});

test('a Worker that is gone ends its tail; credentials that no longer do end it with their error', async (t) => {
  for (const [answer, ended] of [
    [failed(404, 10007), ['worker-deleted', undefined]],
    [failed(401, 10000), ['error', 'credentials-invalid']],
  ] as const) {
    const { fake, answers, account, log, sink } = await tailOn(t);
    await account.openTail({ workerName: 'w' }, sink, never());
    fake.answer = (call) => (call.method === 'POST' ? answer : answers(call));
    await until(() => fake.sockets.length === 1, 'the socket');
    fake.sockets[0]?.socket.terminate();
    await until(() => sink.ended.length > 0, 'the end');
    assert.deepEqual([sink.ended[0]?.[0], sink.ended[0]?.[1]?.code], ended);
    assert.equal(sink.ended.length, 1);
    assert.ok(!JSON.stringify([log, sink.ended]).includes(CANARY));
  }
});

test('without a connection for too long the tail ends', async (t) => {
  const { fake, account, sink } = await tailOn(t, { giveUpMs: 40 });
  await account.openTail({ workerName: 'w' }, sink, never());
  await until(() => fake.sockets.length === 1, 'the socket');
  fake.acceptSockets = false;
  fake.sockets[0]?.socket.terminate();
  await until(() => sink.ended.length > 0, 'the end');
  assert.equal(sink.ended[0]?.[1]?.code, 'network-error');
});

test('a tail that cannot be opened is refused with its reason, and deleted where it was created', async (t) => {
  const { fake, answers, account, sink } = await tailOn(t);
  fake.acceptSockets = false;
  await assert.rejects(account.openTail({ workerName: 'w' }, sink, never()), {
    code: 'network-error',
    message: /503/,
  });
  assert.deepEqual(deleted(fake), ['tail-1']);
  for (const [answer, code] of [
    [failed(404, 10007), 'not-found'],
    [failed(400, 10057, {}, 'This script has too much traffic'), 'limit-exceeded'],
    [failed(403, 10099, {}, 'Maximum number of tails exceeded'), 'limit-exceeded'],
  ] as const) {
    fake.answer = (call) => (call.method === 'POST' ? answer : answers(call));
    await assert.rejects(account.openTail({ workerName: 'w' }, sink, never()), { code });
  }
  const before = fake.calls.length;
  await assert.rejects(account.openTail({ workerName: 'w' }, sink, AbortSignal.abort()), {
    code: 'cancelled',
  });
  assert.equal(fake.calls.length, before);
});

test('closing ends a tail that is being reconnected, and closing the account deletes its tails', async (t) => {
  const { fake, account, sink } = await tailOn(t);
  const tail = await account.openTail({ workerName: 'w' }, sink, never());
  await account.openTail({ workerName: 'v' }, sink, never());
  await until(() => fake.sockets.length === 2, 'the sockets');
  fake.acceptSockets = false;
  fake.sockets[0]?.socket.terminate();
  await until(() => fake.calls.filter(({ method }) => method === 'POST').length > 3, 'attempts');
  await tail.close();
  await account.close();
  await account.close();
  assert.ok(deleted(fake).includes('tail-2'));
  assert.deepEqual(sink.ended, []);
});

test('of two sessions each event passes as often as one of them has it', () => {
  const overlap = new TailOverlap();
  const passed = (['old a', 'new a', 'old a', 'new b', 'old b', 'new a', 'new a'] as const).filter((step) => {
    const [session, text] = step.split(' ') as ['old' | 'new', string];
    return overlap.passes(session, text);
  });
  assert.deepEqual(passed, ['old a', 'old a', 'new b', 'new a']);
});
