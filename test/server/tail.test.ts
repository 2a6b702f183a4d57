import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { LOSSLESS_BACKLOG, ROOM_BACKLOG } from '../../src/accounts/account.js';
import { isDeeperThan } from '../../src/protocol/index.js';
import { Tail } from '../../src/server/tail.js';
import { TAIL_WINDOW_BYTES } from '../../src/transport/credit-window.js';

interface Batch {
  tailId: string;
  seq: number;
  dropped: number;
  events: { at: number }[];
}

/** A tail whose notifications are kept, with a pipe that can be busy. */
function openTail(maxBodyBytes = 16 * 1024 * 1024) {
  const batches: Batch[] = [];
  const ends: { reason: string; dropped: number; error?: unknown }[] = [];
  const pipe = { idle: true };
  let bytes = 0;
  const channel = {
    maxBodyBytes,
    isIdle: () => pipe.idle,
    redact: (text: string) => text.replaceAll('secret', '[redacted]'),
    notify(method: string, json: string) {
      bytes = Buffer.byteLength(json);
      assert.ok(bytes + 64 <= maxBodyBytes, `a body of ${bytes} bytes`);
      if (method === 'tail/end') ends.push(JSON.parse(json));
      else batches.push(JSON.parse(json));
    },
  };
  let ended = 0;
  const tail = new Tail('t1', channel, () => {
    ended++;
  });
  const seen = () => batches.flatMap(({ events }) => events.map(({ at }) => at));
  const dropped = () =>
    batches.reduce((sum, batch) => sum + batch.dropped, 0) + ends.reduce((sum, end) => sum + end.dropped, 0);
  return { tail, batches, ends, pipe, seen, dropped, endedTimes: () => ended };
}

const eventOf = (at: number, length = 1000) => JSON.stringify({ at, text: 'x'.repeat(length) });
const turn = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => mock.timers.reset());

test('events wait until the client knows the id, then those of one turn leave as one batch', async () => {
  const { tail, batches, seen } = openTail();
  tail.push(eventOf(0));
  tail.push(eventOf(1));
  await turn();
  assert.equal(batches.length, 0);
  tail.begin();
  await turn();
  assert.equal(batches.length, 1);
  assert.deepEqual(seen(), [0, 1]);
  assert.deepEqual([batches[0]?.tailId, batches[0]?.seq, batches[0]?.dropped], ['t1', 0, 0]);
});

test('batches are small, counted from 0 and in order', async () => {
  const { tail, batches, seen } = openTail();
  tail.begin();
  for (let at = 0; at < 200; at++) tail.push(eventOf(at));
  await turn();
  assert.ok(batches.length > 5);
  assert.deepEqual(
    batches.map(({ seq }) => seq),
    batches.map((_, at) => at),
  );
  assert.deepEqual(
    seen(),
    Array.from({ length: 200 }, (_, at) => at),
  );
  for (const { events } of batches) assert.ok(JSON.stringify(events).length <= 34 * 1024);
});

test('a client that grants no credit gets a window, then the newest at a bounded rate, all else counted', async () => {
  mock.timers.enable({ apis: ['setInterval'] });
  const { tail, seen, dropped, ends } = openTail();
  tail.begin();
  const COUNT = 10_000;
  for (let at = 0; at < COUNT; at++) {
    tail.push(eventOf(at));
    if (at % 100 === 0) await turn();
  }
  await turn();
  const first = seen().length * 1000;
  assert.ok(first <= TAIL_WINDOW_BYTES + 32 * 1024, `${first} bytes without credit`);
  assert.ok(first >= TAIL_WINDOW_BYTES - 32 * 1024);
  mock.timers.tick(3000);
  const later = seen();
  const allowed = later.length * 1000 - first;
  assert.ok(allowed > 0 && allowed <= 3 * 64 * 1024 + 64 * 1024, `${allowed} bytes in 3 s`);
  // The oldest were dropped: what comes behind the window is from the last megabyte.
  assert.ok((later.at(-1) as number) > COUNT - 1100);
  tail.end('stopped');
  assert.equal(ends.length, 1);
  assert.equal(seen().length + dropped(), COUNT);
});

test('credit opens the window by as much, and ends the allowance', async () => {
  mock.timers.enable({ apis: ['setInterval'] });
  const { tail, seen } = openTail();
  tail.begin();
  for (let at = 0; at < 900; at++) tail.push(eventOf(at));
  await turn();
  const first = seen().length;
  tail.grant(100 * 1024);
  await turn();
  const second = seen().length;
  assert.ok(Math.abs(second - first - 100) <= 35, `${second - first} events for 100 KiB`);
  mock.timers.tick(60_000);
  await turn();
  assert.equal(seen().length, second);
});

test('logs give way while answers wait in the pipe', async () => {
  const { tail, batches, pipe } = openTail();
  tail.begin();
  pipe.idle = false;
  tail.push(eventOf(0));
  await turn();
  assert.equal(batches.length, 0);
  pipe.idle = true;
  tail.pump();
  assert.equal(batches.length, 1);
});

test('events that were lost before they came are told with the next batch', async () => {
  const { tail, batches } = openTail();
  tail.begin();
  tail.dropped(7);
  tail.push(eventOf(0));
  await turn();
  tail.push(eventOf(1));
  await turn();
  assert.deepEqual(
    batches.map(({ dropped }) => dropped),
    [7, 0],
  );
});

test('an end is told once, behind the last events, and nothing comes after it', async () => {
  const { tail, ends, seen, endedTimes } = openTail();
  tail.begin();
  tail.push(eventOf(0));
  tail.end('error', { code: 'network-error', message: 'gone' });
  tail.end('stopped');
  tail.push(eventOf(1));
  tail.grant(1);
  tail.pump();
  await turn();
  assert.deepEqual(seen(), [0]);
  assert.equal(ends.length, 1);
  assert.equal(ends[0]?.reason, 'error');
  assert.deepEqual(ends[0]?.error, { code: 'network-error', message: 'gone' });
  assert.equal(endedTimes(), 1);
});

test('a tail that ends before its id is known tells its events and its end afterwards', async () => {
  const { tail, ends, seen } = openTail();
  tail.push(eventOf(0));
  tail.end('worker-deleted');
  await turn();
  assert.equal(ends.length, 0);
  tail.begin();
  await turn();
  assert.deepEqual(seen(), [0]);
  assert.equal(ends[0]?.reason, 'worker-deleted');
});

test('an event past the queue is dropped and counted', async () => {
  const { tail, seen, dropped } = openTail();
  tail.begin();
  tail.push(eventOf(0, 2 * 1024 * 1024));
  tail.push(eventOf(1));
  await turn();
  assert.deepEqual(seen(), [1]);
  assert.equal(dropped(), 1);
});

test('no batch is over the body limit of its client, and what can never fit is counted', async () => {
  const { tail, seen, dropped } = openTail(4096);
  tail.begin();
  for (let at = 0; at < 40; at++) {
    tail.push(eventOf(at, 300));
    tail.push(JSON.stringify({ at: 1000 + at, text: '€'.repeat(1500) }));
    tail.push(JSON.stringify({ at: 2000 + at, text: '€'.repeat(900) }));
  }
  tail.grant(1_000_000);
  await turn();
  tail.end('stopped');
  assert.equal(seen().filter((at) => at >= 1000 && at < 2000).length, 0);
  assert.equal(dropped(), 40);
  assert.equal(seen().length, 80);
});

test('an event that nests deeper than a message may is left out and counted, the deepest that fits is sent', async () => {
  const { tail, batches, seen, dropped } = openTail();
  const nested = (at: number, depth: number) =>
    `{"at":${at},"logs":${'['.repeat(depth - 1)}"${'['.repeat(300)}"${']'.repeat(depth - 1)}}`;
  tail.begin();
  for (const [at, depth] of [10, 253, 254, 300, 100_000, 2].entries()) tail.push(nested(at, depth));
  await turn();
  assert.deepEqual(seen(), [0, 1, 5]);
  assert.equal(dropped(), 3);
  // The whole message: `{params: {events: [event]}}`.
  assert.equal(isDeeperThan({ params: batches[0] }, 256), false);
  assert.equal(isDeeperThan({ params: batches[0] }, 255), true);
});

test('an event larger than the queue is counted, and those that wait stay', async () => {
  const { tail, seen, dropped } = openTail();
  tail.push(eventOf(0));
  tail.push(eventOf(1, 2 * 1024 * 1024));
  tail.push(eventOf(2));
  tail.begin();
  await turn();
  assert.deepEqual([seen(), dropped()], [[0, 2], 1]);
});

test('an end is told whatever its error has to say, and without secrets', async () => {
  for (const maxBodyBytes of [1024, 16 * 1024 * 1024]) {
    const { tail, ends } = openTail(maxBodyBytes);
    tail.begin();
    tail.end('error', { code: 'cloudflare-error', message: `secret ${'\u0001'.repeat(20_000_000)}` });
    await turn();
    const { code, message } = (ends[0]?.error ?? {}) as { code?: string; message: string };
    assert.deepEqual([ends[0]?.reason, code], ['error', 'cloudflare-error']);
    assert.match(message, /^\[redacted\]/);
  }
});

test('a gap is a batch of its own between the events before and after, and is never counted as dropped', async () => {
  const { tail, batches, ends } = openTail();
  tail.begin();
  tail.push(eventOf(0));
  tail.gap();
  tail.push(eventOf(1));
  await turn();
  assert.deepEqual(
    batches.map((batch) => ('gap' in batch ? batch.gap : batch.events.map(({ at }) => at))),
    [[0], 'owner-changed', [1]],
  );
  assert.deepEqual(
    batches.map(({ seq }) => seq),
    [0, 1, 2],
  );
  const other = openTail();
  other.tail.gap();
  other.pipe.idle = false;
  other.tail.begin();
  other.tail.end('stopped');
  await turn();
  assert.equal(other.dropped(), 0);
  assert.equal(ends.length, 0);
});

test('a source that keeps the backlog small and ends once there is none loses nothing to a slow consumer', async () => {
  const { tail, seen, dropped, ends } = openTail();
  tail.begin();
  let at = 0;
  while (at < 3000 || tail.backlogLength > 0) {
    while (at < 3000 && tail.backlogLength < LOSSLESS_BACKLOG) tail.push(eventOf(at++));
    tail.grant(64 * 1024);
    await turn();
  }
  tail.end('worker-deleted');
  assert.equal(seen().length, 3000);
  assert.equal(dropped(), 0);
  assert.equal(ends.length, 1);
});

test('a source that waits is told once when there is room, whether it asks before or after', async () => {
  const { tail } = openTail();
  let told = 0;
  const ask = () => tail.whenRoom(() => told++);
  tail.begin();
  while (tail.backlogLength <= LOSSLESS_BACKLOG) tail.push(eventOf(0));
  ask();
  for (let turns = 0; turns < 20 && told === 0; turns++) {
    // The window of the beginning is not enough.
    assert.equal(told === 0, turns === 0 || tail.backlogLength > ROOM_BACKLOG);
    tail.grant(64 * 1024);
    await turn();
  }
  assert.equal(told, 1);
  assert.ok(tail.backlogLength <= ROOM_BACKLOG);
  ask();
  await turn();
  assert.equal(told, 2);
});

test('a drop is told by itself when no event follows', async () => {
  const { tail, batches, dropped } = openTail();
  tail.begin();
  tail.dropped(3);
  await turn();
  assert.deepEqual([dropped(), batches.length, batches[0]?.events], [3, 1, []]);
  tail.push(eventOf(0, 2 * 1024 * 1024));
  await turn();
  assert.equal(dropped(), 4);
});

test('whatever a queue has to drop, every event comes or is counted, and no gap vanishes', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    let state = seed;
    const random = (below: number) => {
      state = (state * 48_271) % 2_147_483_647;
      return state % below;
    };
    const { tail, batches, ends, seen, dropped } = openTail();
    tail.begin();
    let pushed = 0;
    /** How many events were pushed before each gap. */
    const gaps: number[] = [];
    for (let step = 0; step < 400; step++) {
      const what = random(40);
      if (what === 0) {
        // As the local account and as the cloud account tell it.
        tail.gap(random(2) ? undefined : JSON.stringify({ at: 'gap' }));
        gaps.push(pushed);
      } else if (what === 1) {
        tail.grant(random(300 * 1024) + 1);
        await turn();
      } else tail.push(eventOf(pushed++, random(40_000)));
    }
    tail.end('stopped');
    const isGap = (batch: Batch) =>
      'gap' in batch || batch.events.some(({ at }) => (at as unknown) === 'gap');
    const numbers = seen().filter((at) => typeof at === 'number');
    assert.equal(numbers.length + dropped(), pushed, `events with the seed ${seed}`);
    assert.equal(ends.length, 1);
    // Between the last event seen before a gap and the first behind it stands one.
    for (const at of gaps) {
      const before = batches.findLastIndex(({ events }) => events.some((event) => event.at < at));
      const behind = batches.findIndex(({ events }) => events.some((event) => event.at >= at));
      const between = batches.slice(before + 1, behind === -1 ? undefined : behind);
      assert.ok(between.some(isGap), `the gap at ${at} with the seed ${seed}`);
    }
  }
});
