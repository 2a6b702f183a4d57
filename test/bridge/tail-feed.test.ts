import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gapBatch, TailBatch } from '../../bridge/tail-batch.js';
import { TailFeed } from '../../bridge/tail-feed.js';

const eventsOf = (count: number) => Buffer.from(JSON.stringify(Array(count).fill('x'.repeat(1000))));

/** What a reader would see, and what was given up on the way. */
function drain(feed: TailFeed) {
  const seen = { events: 0, dropped: 0, gaps: [] as string[], bytes: 0 };
  for (let entry = feed.shift(); entry !== undefined; entry = feed.shift()) {
    seen.events += entry.batch.events().length;
    seen.dropped += entry.batch.dropped;
    seen.bytes += entry.batch.bytes.length;
    if (entry.batch.gap) seen.gaps.push(entry.batch.gap.reason);
  }
  return seen;
}

test('a reader that stays away over many restarts keeps a bounded part, a gap and an exact count', () => {
  const feed = new TailFeed();
  let pushed = 0;
  let lost = 0;
  for (let connection = 0; connection < 50; connection++) {
    feed.push({ batch: gapBatch('restarted'), tailId: `t${connection}` });
    for (let seq = 0; seq < 8; seq++, pushed += 33) {
      // One more of each 33 was dropped at the server.
      const batch = new TailBatch(seq, 1, eventsOf(32));
      for (const { events } of feed.push({ batch, tailId: `t${connection}` })) lost += events;
    }
  }
  const seen = drain(feed);
  assert.ok(seen.bytes < 1.1 * 1024 * 1024, `${seen.bytes} bytes`);
  assert.equal(seen.events + seen.dropped, pushed);
  assert.equal(seen.events + lost + pushed / 33, pushed);
  assert.ok(seen.gaps.length > 0);
});

test('gaps with nothing between become one, of each kind', () => {
  const feed = new TailFeed();
  for (const reason of ['restarted', 'restarted', 'owner-changed', 'owner-changed', 'restarted'] as const) {
    feed.push({ batch: gapBatch(reason, 0, 1), tailId: undefined });
  }
  const { gaps, dropped } = drain(feed);
  assert.deepEqual(gaps, ['restarted', 'owner-changed', 'restarted']);
  assert.equal(dropped, 5);
});

test('a gap that has to be given up stands before what is left', () => {
  const feed = new TailFeed();
  feed.push({ batch: gapBatch('owner-changed'), tailId: 't' });
  const lost = [1, 2, 3].flatMap((seq) =>
    feed.push({ batch: new TailBatch(seq, 0, eventsOf(500)), tailId: 't' }),
  );
  assert.equal(
    lost.reduce((sum, { events }) => sum + events, 0),
    500,
  );
  assert.deepEqual(feed.shift()?.batch.gap?.reason, 'owner-changed');
  assert.deepEqual(drain(feed), { events: 1000, dropped: 0, gaps: [], bytes: 2 * eventsOf(500).length });
});
