import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LOSSLESS_BACKLOG } from '../../src/accounts/account.js';
import { describeEvent } from '../../src/commands/tail-event.js';
import { GAP, TailQueue } from '../../src/commands/tail-queue.js';
import type { Terminal } from '../../src/commands/terminal.js';

const plain = { style: (_: string, text: string) => text } as unknown as Terminal;

test('events that wait come as one page, and stop ends behind them', async () => {
  const queue = new TailQueue(1000);
  queue.push('1');
  queue.push('2');
  queue.stop();
  queue.push('too late');
  const pages = [];
  for await (const page of queue) pages.push(page);
  assert.deepEqual(pages, [{ events: ['1', '2'], dropped: 0 }]);
});

test('a reader that waits is woken by the next event', async () => {
  const queue = new TailQueue(1000);
  const reading = queue[Symbol.asyncIterator]().next();
  queue.push('1');
  assert.deepEqual((await reading).value, { events: ['1'], dropped: 0 });
});

test('the oldest are dropped and every one is counted', async () => {
  const queue = new TailQueue(100);
  for (let at = 0; at < 1000; at++) queue.push(String(at).padStart(10));
  queue.dropped(5);
  queue.stop();
  for await (const { events, dropped } of queue) {
    assert.equal(events.length + dropped, 1005);
    assert.ok(events.join('').length <= 100);
    assert.equal(events.at(-1)?.trim(), '999');
  }
});

test('a source that waits is told when a page was taken, or at once when little waits', async () => {
  const queue = new TailQueue(8 * LOSSLESS_BACKLOG);
  let told = 0;
  queue.push('x'.repeat(LOSSLESS_BACKLOG));
  assert.equal(queue.backlogLength, LOSSLESS_BACKLOG);
  queue.whenRoom(() => told++);
  assert.equal(told, 0);
  await queue[Symbol.asyncIterator]().next();
  assert.deepEqual([told, queue.backlogLength], [1, 0]);
  queue.whenRoom(() => told++);
  assert.equal(told, 2);
});

test('a source that ends by itself is an error behind its last events', async () => {
  const queue = new TailQueue(100);
  queue.push('1');
  queue.end('error', { code: 'network-error', message: 'gone' });
  const reading = queue[Symbol.asyncIterator]();
  assert.deepEqual((await reading.next()).value, { events: ['1'], dropped: 0 });
  await assert.rejects(reading.next(), { message: /ended \(error\): gone \(network-error\)/ });
});

test('an event is told with its request, logs and exceptions, control characters made visible', () => {
  const event = {
    scriptName: 'hello',
    outcome: 'exception',
    eventTimestamp: 0,
    event: { request: { method: 'GET', url: 'http://hello/x' }, response: { status: 500 } },
    logs: [{ level: 'warn', message: ['a', { b: 1 }, '\u001b[2J'], timestamp: 0 }],
    exceptions: [{ name: 'Error', message: 'boom', timestamp: 0 }],
  };
  assert.equal(
    describeEvent(JSON.stringify(event), plain),
    '1970-01-01T00:00:00.000Z GET http://hello/x 500 exception\n  warn a {"b":1} \\u001b[2J\n  Error: boom\n',
  );
});

test('a gap keeps its place among the events, and is none of those that are dropped', async () => {
  const queue = new TailQueue(10);
  queue.push('1');
  queue.gap();
  queue.push('2');
  const pages = queue[Symbol.asyncIterator]();
  assert.deepEqual((await pages.next()).value, { events: ['1', GAP, '2'], dropped: 0 });
  for (const event of ['three', 'four', 'five']) {
    queue.push(event);
    queue.gap();
  }
  queue.stop();
  assert.deepEqual((await pages.next()).value, { events: [GAP, 'five', GAP], dropped: 2 });
});

test('a gap outlives the events that are dropped around it, in whatever words it is told', async () => {
  for (const gap of [undefined, '{"event":{"type":"gap"}}']) {
    const queue = new TailQueue(500);
    queue.push('0');
    queue.gap(gap);
    for (let at = 0; at < 1000; at++) queue.push(String(at).padStart(10));
    queue.stop();
    for await (const { events, dropped } of queue) {
      assert.equal(events[0], gap ?? GAP);
      assert.equal(events.length - 1 + dropped, 1001);
    }
  }
});
