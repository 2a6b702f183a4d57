import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import type { WebSocket } from 'ws';
import { LOSSLESS_BACKLOG } from '../../src/accounts/account.js';
import type { TailTiming } from '../../src/accounts/cloud-tail.js';
import { TailOverlap } from '../../src/accounts/cloud-tail-overlap.js';
import { Tail } from '../../src/server/tail.js';
import { HANG_MS } from '../support/until.js';
import { cloudAccount, cloudServer, tailAnswers } from './cloud-server.js';
import { never, until } from './local/fixture.js';

const FILLER = 'x'.repeat(300);
const eventOf = (n: number) =>
  `{"scriptName":"w","outcome":"ok","eventTimestamp":${n},"logs":["${FILLER}"],"exceptions":[],"event":null}`;
/** Some 5 MB: several times what the queue and a window hold. */
const FLOOD = 12_000;

/** A cloud tail into the queue that the server has for a client, whose consumer grants room by hand. */
async function floodedTail(t: TestContext, timing: Partial<TailTiming>, livesMs = () => 3_600_000) {
  const fake = await cloudServer(t, (call) => answers(call));
  const answers = tailAnswers(() => fake, livesMs);
  const { account } = await cloudAccount(t, fake, {
    tailTiming: { deleteMs: HANG_MS, openMs: HANG_MS, ...timing },
  });
  const seen: number[] = [];
  let dropped = 0;
  const tail = new Tail(
    't',
    {
      maxBodyBytes: 16 * 1024 * 1024,
      isIdle: () => true,
      redact: (text) => text,
      notify(_method, json) {
        const batch = JSON.parse(json) as { dropped: number; events?: { eventTimestamp: number }[] };
        dropped += batch.dropped;
        for (const { eventTimestamp } of batch.events ?? []) seen.push(eventTimestamp);
      },
    },
    () => {},
  );
  tail.begin();
  const source = await account.openTail({ workerName: 'w' }, tail, never());
  await until(() => fake.sockets.length > 0, 'the socket');
  let sent = 0;
  return {
    fake,
    tail,
    source,
    seen,
    socket: (at: number) => fake.sockets[at]?.socket as WebSocket,
    dropped: () => dropped,
    sent: () => sent,
    /** What happens in the Worker reaches every session there is. */
    send(count: number) {
      const open = fake.sockets.filter(({ socket }) => socket.readyState === 1);
      for (let i = 0; i < count; i++, sent++) for (const { socket } of open) socket.send(eventOf(sent));
    },
    /** The consumer takes whatever comes. */
    async takeAll() {
      while (seen.length + dropped < sent) {
        tail.grant(256 * 1024);
        await turn();
      }
    },
    full: () => until(() => tail.backlogLength > LOSSLESS_BACKLOG, 'a full backlog'),
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

test('a consumer that stops makes Cloudflare wait, and loses nothing', async (t) => {
  const { tail, seen, send, full, takeAll, dropped } = await floodedTail(t, { maxPauseMs: 600_000 });
  send(FLOOD);
  for (let stops = 0; stops < 3; stops++) {
    await full();
    // Time in which it would go on reading, were it not paused.
    for (let i = 0; i < 200; i++) await turn();
    assert.ok(tail.backlogLength < 1024 * 1024);
    for (let i = 0; i < 4; i++) {
      tail.grant(256 * 1024);
      await turn();
    }
  }
  await takeAll();
  assert.equal(dropped(), 0);
  assert.deepEqual(seen, upTo(FLOOD));
});

test('a consumer that stops for too long loses the oldest, counted exactly', async (t) => {
  const { seen, send, socket, takeAll, dropped } = await floodedTail(t, { maxPauseMs: 20 });
  send(FLOOD);
  // A pong stands behind all that was sent before it.
  const allIsRead = once(socket(0), 'pong');
  socket(0).ping();
  await allIsRead;
  await takeAll();
  assert.ok(dropped() > 0);
  assert.equal(seen.length + dropped(), FLOOD);
  assert.equal(seen.at(-1), FLOOD - 1);
});

test('a renewal while nothing is read loses nothing, and nothing comes twice', async (t) => {
  let sessions = 0;
  const { fake, seen, send, full, takeAll, sent, dropped } = await floodedTail(
    t,
    { maxPauseMs: 600_000, renewBeforeMs: 300, minRenewMs: 1, overlapMs: 10 },
    () => (sessions++ === 0 ? 400 : 3_600_000),
  );
  // Before the new session there is; the old one has not read it when the new one begins.
  send(FLOOD / 2);
  await full();
  await until(() => fake.sockets.length === 2, 'the new session');
  send(FLOOD / 2);
  // Both sessions wait: the old one is not ended before it was read.
  for (let i = 0; i < 200; i++) await turn();
  assert.ok(!fake.calls.some(({ method }) => method === 'DELETE'));
  await takeAll();
  await until(() => fake.calls.some(({ method }) => method === 'DELETE'), 'the end of the old session');
  send(1000);
  await takeAll();
  assert.equal(dropped(), 0);
  assert.deepEqual(seen, upTo(sent()));
});

test('a tail that is closed while nothing is read ends its socket', async (t) => {
  const { source, send, full, socket, fake } = await floodedTail(t, { maxPauseMs: 600_000 });
  send(FLOOD);
  await full();
  await source.close();
  await until(() => socket(0).readyState === 3, 'the end of the socket');
  assert.equal(fake.calls.at(-1)?.method, 'DELETE');
});

test('of two sessions in any order each event passes as often as one of them has it', () => {
  // A generator of numbers, printed with its seed when an order fails.
  for (let seed = 1; seed <= 200; seed++) {
    let state = seed;
    const random = (below: number) => {
      state = (state * 48_271) % 2_147_483_647;
      return state % below;
    };
    const overlap = new TailOverlap();
    const count = { old: new Map<string, number>(), new: new Map<string, number>() };
    const passed = new Map<string, number>();
    for (let i = 0; i < 60; i++) {
      const session = random(2) === 0 ? 'old' : 'new';
      const text = `event ${random(6)}`;
      count[session].set(text, (count[session].get(text) ?? 0) + 1);
      if (overlap.passes(session, text)) passed.set(text, (passed.get(text) ?? 0) + 1);
    }
    for (const [text, times] of passed) {
      const most = Math.max(count.old.get(text) ?? 0, count.new.get(text) ?? 0);
      assert.equal(times, most, `${text} with the seed ${seed}`);
    }
  }
});

test('a flood through two sessions is told apart, however long it is', () => {
  const overlap = new TailOverlap();
  let passed = 0;
  for (let n = 0; n < 110_000; n++) {
    if (overlap.passes('old', `${n}`)) passed++;
    if (n >= 50 && overlap.passes('new', `${n - 50}`)) passed++;
  }
  assert.equal(passed, 110_000);
});
