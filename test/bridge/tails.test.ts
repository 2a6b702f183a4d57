import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { type TestContext, test } from 'node:test';
import type { SidecarError, SidecarEvents, SidecarOptions, TraceEvent } from '../../bridge/index.js';
import { createScenario, createSharedScenario, eventOf, library, until } from '../support/scenario.js';

const { isTailGap } = library;

const running = createSharedScenario();

async function started(t: TestContext, scenario = '', options: SidecarOptions = {}) {
  const made = await createScenario(t, scenario, options);
  await made.sidecar.start();
  return made;
}

/** The number a scenario's event carries. */
function numberOf(event: TraceEvent): number {
  return Number(/line (\d+)/.exec(JSON.stringify(event.logs))?.[1]);
}

test('events arrive in order, and leaving the loop ends the tail at the server', async () => {
  const { sidecar, notes } = await running();
  const stream = sidecar.tailLogs({ workerName: 'steady' });
  await stream.ready;
  assert.match(String(stream.tailId), /^[0-9a-f]{16}$/);
  const numbers: number[] = [];
  for await (const event of stream) {
    assert.equal(isTailGap(event), false);
    numbers.push(numberOf(event as TraceEvent));
    if (numbers.length === 20) break;
  }
  assert.deepEqual(
    numbers,
    Array.from({ length: 20 }, (_, i) => i),
  );
  assert.equal(stream.endReason, 'stopped');
  assert.equal(stream.dropped, 0);
  await until('the end at the server', () => notes().includes('tail closed steady'));
});

test('batches come unparsed, as bytes, text or events', async () => {
  const { sidecar } = await running();
  let next = 0;
  for await (const batch of sidecar.tailLogs({ workerName: 'steady' }).batches()) {
    assert.equal(batch.dropped, 0);
    assert.equal(Buffer.from(batch.bytes).toString(), batch.text());
    assert.deepEqual(JSON.parse(batch.text()), batch.events());
    for (const event of batch.events()) assert.equal(numberOf(event), next++);
    if (batch.seq === 5) break;
  }
});

test('a tail is read once', async () => {
  const { sidecar } = await running();
  const stream = sidecar.tailLogs({ workerName: 'deleted' });
  for await (const _ of stream);
  await assert.rejects(stream[Symbol.asyncIterator]().next(), { code: 'invalid-option' });
});

test('a deleted Worker ends the tail behind its last event', async () => {
  const { sidecar } = await running();
  const stream = sidecar.tailLogs({ workerName: 'deleted' });
  const numbers: number[] = [];
  for await (const event of stream) numbers.push(numberOf(event as TraceEvent));
  assert.deepEqual(numbers, [0, 1, 2]);
  assert.equal(stream.endReason, 'worker-deleted');
});

test('a tail that cannot be opened throws from the loop and from `ready`', async () => {
  const { sidecar } = await running();
  for (const [workerName, code] of [
    ['missing', 'not-found'],
    ['NOT A NAME', 'invalid-params'],
  ] as const) {
    const stream = sidecar.tailLogs({ workerName });
    await assert.rejects(stream.ready, { code });
    await assert.rejects(stream[Symbol.asyncIterator]().next(), { code });
    assert.equal(stream.endReason, 'error');
  }
});

test('before start() there are no tails', async (t) => {
  const { sidecar } = await createScenario(t, '');
  assert.throws(() => sidecar.tailLogs({ workerName: 'steady' }), { code: 'not-running' });
});

test('an abort rejects the loop with AbortError at once, and ends the tail at the server', async () => {
  const { sidecar, notes } = await running();
  const controller = new AbortController();
  const stream = sidecar.tailLogs({ workerName: 'flood-100000' }, { signal: controller.signal });
  let after = 0;
  await assert.rejects(
    async () => {
      for await (const _ of stream) {
        if (controller.signal.aborted) after++;
        else controller.abort(new Error('enough'));
      }
    },
    (error: SidecarError) =>
      error.name === 'AbortError' &&
      error.code === 'cancelled' &&
      (error.cause as Error).message === 'enough',
  );
  assert.equal(after, 0);
  await until('the end at the server', () => notes().includes('tail closed flood-100000'));
});

test('an abort before, and while the tail is being opened, rejects too', async () => {
  const { sidecar, notes } = await running();
  const early = sidecar.tailLogs({ workerName: 'steady' }, { signal: AbortSignal.abort() });
  await assert.rejects(early.ready, { name: 'AbortError' });
  const controller = new AbortController();
  const stream = sidecar.tailLogs({ workerName: 'steady' }, { signal: controller.signal });
  controller.abort();
  await assert.rejects(stream[Symbol.asyncIterator]().next(), { name: 'AbortError' });
  await until('what was opened is closed', () => notes().includes('tail closed steady'));
});

test('a signal that lives on keeps nothing of tails that have ended', async () => {
  const { sidecar } = await running();
  const { signal } = new AbortController();

  for (let i = 0; i < 5; i++) for await (const _ of sidecar.tailLogs({ workerName: 'deleted' }, { signal }));
  assert.equal(EventEmitter.getEventListeners(signal, 'abort').length, 0);
});

test('a slow consumer loses what it has no room for, counted exactly, and memory stays', async () => {
  const { sidecar, notes } = await running();
  const sent = 60_000;
  const before = process.memoryUsage().rss;
  const stream = sidecar.tailLogs({ workerName: `flood-${sent}` });
  await stream.ready;
  let received = 0;
  let last = -1;
  let inBatches = 0;
  for await (const batch of stream.batches()) {
    inBatches += batch.dropped;
    for (const event of batch.events()) {
      assert.ok(numberOf(event) > last);
      last = numberOf(event);
      received++;
    }
    await until('the flood is over', () => notes().includes(`tail closed flood-${sent}`));
  }
  assert.equal(received + stream.dropped, sent);
  assert.ok(inBatches <= stream.dropped);
  assert.ok(stream.dropped > 0);
  assert.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024);
});

test('a stream that nobody reads holds a window of bytes, however much is sent', async () => {
  const { sidecar, notes } = await running();
  const stream = sidecar.tailLogs({ workerName: 'flood-60000' });
  await until('the flood is over', () => notes().includes('tail closed flood-60000'));
  await until('the end is known', () => stream.endReason !== undefined);
  let bytes = 0;
  let received = 0;
  for await (const batch of stream.batches()) {
    bytes += batch.bytes.length;
    received += batch.events().length;
  }
  assert.ok(bytes < 512 * 1024, `${bytes} bytes were kept`);
  assert.equal(received + stream.dropped, 60_000);
});

test('iterating a flood lets other work in after 2 ms, and calls through', async (t) => {
  const { sidecar } = await running();
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  let received = 0;
  let sinceTurn = 0;
  let mostInOneTurn = 0;
  let isOver = false;
  const countTurns = () => {
    sinceTurn = 0;
    if (!isOver) setImmediate(countTurns);
  };
  countTurns();
  let answers = 0;
  let pinging: Promise<void> | undefined;
  const ping = async () => {
    await sidecar.call('system.ping');
    answers++;
    pinging = undefined;
  };
  for await (const _ of sidecar.tailLogs({ workerName: 'flood-60000' })) {
    received++;
    mostInOneTurn = Math.max(mostInOneTurn, ++sinceTurn);
    // What a consumer does with an event takes time: twenty of them are 2 ms.
    nowMs += 0.1;
    pinging ??= ping();
  }
  isOver = true;
  const meanwhile = answers;
  await pinging;
  assert.ok(received > 1000);
  assert.ok(mostInOneTurn < 60, `${mostInOneTurn} events in one turn of the event loop`);
  assert.ok(meanwhile > 0, 'calls are answered meanwhile');
});

test('after the child’s death the stream goes on by itself, with a gap where events may be missing', async (t) => {
  const { sidecar, notes } = await started(t);
  const stream = sidecar.tailLogs({ workerName: 'steady' });
  const seen: (number | 'gap')[] = [];
  for await (const item of stream) {
    if (isTailGap(item)) {
      assert.equal(item.reason, 'restarted');
      seen.push('gap');
    } else seen.push(numberOf(item));
    if (seen.length === 10) process.kill(sidecar.pid as number, 'SIGKILL');
    if (seen.includes('gap') && seen.length - seen.indexOf('gap') > 10) break;
  }
  assert.equal(seen.filter((item) => item === 'gap').length, 1);
  const gap = seen.indexOf('gap');
  assert.deepEqual(seen.slice(gap + 1, gap + 4), [0, 1, 2]);
  assert.equal(notes().filter((note) => note === 'tail opened steady').length, 2);
});

test('a stream goes on over restart() too', async (t) => {
  const { sidecar } = await started(t);
  const stream = sidecar.tailLogs({ workerName: 'steady' });
  await stream.ready;
  const restarted = sidecar.restart();
  let gaps = 0;
  for await (const item of stream) {
    if (isTailGap(item)) gaps++;
    else if (gaps === 1) break;
  }
  await restarted;
  assert.equal(gaps, 1);
});

test('a CLI that ends by itself, however politely, interrupts a stream and does not end it', async (t) => {
  const { sidecar } = await started(t);
  const stream = sidecar.tailLogs({ workerName: 'steady' });
  await stream.ready;
  process.kill(sidecar.pid as number, 'SIGTERM');
  let gaps = 0;
  for await (const item of stream) {
    if (isTailGap(item)) gaps++;
    else if (gaps === 1) break;
  }
  assert.equal(gaps, 1);
});

test('a gap that the CLI tells stands where it belongs, for a stream, a callback and `tail` events', async (t) => {
  const { sidecar } = await started(t);
  const seen: unknown[] = [];
  for await (const item of sidecar.tailLogs({ workerName: 'handed-over' })) {
    seen.push(isTailGap(item) ? item.reason : numberOf(item));
    if (seen.length === 5) break;
  }
  assert.deepEqual(seen, [0, 1, 2, 'owner-changed', 4]);
  const batches: SidecarEvents['tail'][0][] = [];
  sidecar.on('tail', (batch) => batches.push(batch));
  await sidecar.call('dashboard.tailLogs', { workerName: 'handed-over' });
  await until('the gap', () =>
    batches.some(({ gap, events }) => gap === 'owner-changed' && events.length === 0),
  );
  const told: unknown[] = [];
  await sidecar.remote.tail({ workerName: 'handed-over' }, ({ gap }) => void told.push(gap));
  await until('the gap', () => told.includes('owner-changed'));
});

test('stop() ends a stream without an error, ERROR with its cause', async (t) => {
  const { sidecar } = await started(t);
  const stream = sidecar.tailLogs({ workerName: 'steady' });
  await stream.ready;
  const read = (async () => {
    for await (const item of stream) assert.ok(!isTailGap(item), 'nothing follows that could be missed');
  })();
  await sidecar.stop();
  await read;
  assert.equal(stream.endReason, 'sidecar-stopped');

  const other = await started(t, '', { autoRestart: false });
  const lost = other.sidecar.tailLogs({ workerName: 'steady' });
  await lost.ready;
  process.kill(other.sidecar.pid as number, 'SIGKILL');
  await assert.rejects(
    async () => {
      for await (const _ of lost);
    },
    { code: 'connection-lost' },
  );
  assert.equal(lost.endReason, 'sidecar-stopped');
});

test('call(dashboard.tailLogs) delivers `tail` events until stopTail', async (t) => {
  const { sidecar, notes } = await started(t);
  const batches: SidecarEvents['tail'][0][] = [];
  sidecar.on('tail', (batch) => batches.push(batch));
  const { tailId } = await sidecar.call('dashboard.tailLogs', { workerName: 'steady' });
  await until('some batches', () => batches.length > 3);
  const ended = eventOf(sidecar, 'tail-end');
  assert.deepEqual(await sidecar.call('dashboard.stopTail', { tailId }), { success: true });
  assert.deepEqual((await ended)[0], { tailId, reason: 'stopped', dropped: 0 });
  assert.deepEqual(
    batches.map(({ seq }) => seq),
    batches.map((_, i) => i),
  );
  assert.ok(batches.every((batch) => batch.tailId === tailId));
  assert.deepEqual(
    batches.flatMap(({ events }) => events.map(numberOf)),
    batches.flatMap(({ events }) => events).map((_, i) => i),
  );
  assert.ok(notes().includes('tail closed steady'));
  await assert.rejects(sidecar.call('dashboard.stopTail', { tailId }), { code: 'not-found' });
});

test('`tail` events carry a whole flood: each batch grants credit for the next', async (t) => {
  const { sidecar } = await started(t);
  let received = 0;
  sidecar.on('tail', ({ events, dropped }) => {
    received += events.length + dropped;
  });
  const ended = eventOf(sidecar, 'tail-end');
  await sidecar.call('dashboard.tailLogs', { workerName: 'flood-30000' });
  const [{ reason, dropped }] = await ended;
  assert.equal(reason, 'worker-deleted');
  assert.equal(received + dropped, 30_000);
});

test('a tail of events ends with its connection, and says so', async (t) => {
  const { sidecar } = await started(t);
  const { tailId } = await sidecar.call('dashboard.tailLogs', { workerName: 'steady' });
  const ended = eventOf(sidecar, 'tail-end');
  process.kill(sidecar.pid as number, 'SIGKILL');
  const [end] = await ended;
  assert.equal(end.tailId, tailId);
  assert.equal(end.reason, 'error');
  assert.equal(end.error?.code, 'connection-lost');
});

test('what is left of a stream that was left is no event', async () => {
  const { sidecar, notes } = await running();
  const strays: string[] = [];
  sidecar.on('tail', () => strays.push('tail'));
  sidecar.on('tail-end', () => strays.push('tail-end'));
  for await (const _ of sidecar.tailLogs({ workerName: 'flood-50000' })) break;
  await until('the end at the server', () => notes().includes('tail closed flood-50000'));
  await sidecar.call('system.ping');
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(strays, []);
});
