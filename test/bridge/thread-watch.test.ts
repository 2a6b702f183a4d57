import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ThreadWatch } from '../../bridge/thread-watch.js';
import { VirtualClock } from '../support/fault-clock.js';

const TIMEOUT_MS = 4000;
const TICK_MS = 1000;

/** A watch under a clock that is turned by hand, over a thread that answers while `isAwake`. */
function underClock(t: TestContext) {
  const clock = new VirtualClock();
  clock.install();
  const seen = { isAwake: true, pings: 0, silentMs: [] as number[] };
  const watch = new ThreadWatch({
    timeoutMs: TIMEOUT_MS,
    ping: () => {
      seen.pings++;
      return seen.isAwake ? Promise.resolve() : new Promise(() => {});
    },
    onSilent: (silentMs) => seen.silentMs.push(silentMs),
  });
  t.after(() => {
    watch.stop();
    clock.uninstall();
  });
  return { seen, pass: (ms: number) => clock.advance(ms), sleep: (ms: number) => clock.leap(ms) };
}

test('a thread that answers is pinged again and again, and one that is silent past its time is told once', async (t) => {
  const { seen, pass } = underClock(t);
  await pass(20_000);
  assert.deepEqual([seen.pings, seen.silentMs], [20, []]);
  seen.isAwake = false;
  await pass(TIMEOUT_MS);
  assert.deepEqual(seen.silentMs, []);
  await pass(20_000);
  assert.deepEqual(seen.silentMs, [TIMEOUT_MS]);
});

test('time in which this thread did not run either is not held against it', async (t) => {
  const { seen, pass, sleep } = underClock(t);
  seen.isAwake = false;
  await pass(2 * TICK_MS);
  await sleep(3_600_000);
  await pass(TIMEOUT_MS - TICK_MS);
  assert.deepEqual(seen.silentMs, []);
  await pass(TICK_MS);
  assert.deepEqual(seen.silentMs, [TIMEOUT_MS]);
});
