import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Failure } from '../../worker/failure.js';
import { Heartbeat } from '../../worker/heartbeat.js';
import type { ProcessActivity } from '../../worker/process-activity.js';

const TIMEOUT_MS = 3000;
const TICK_MS = 1000;

/** A heartbeat under a clock that is turned by hand. */
function underClock(t: TestContext, activity: () => ProcessActivity | undefined, answers = () => false) {
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  t.mock.timers.enable({ apis: ['setInterval'] });
  const seen = { pings: 0, errors: [] as Failure[] };
  const heartbeat = new Heartbeat({
    timeoutMs: TIMEOUT_MS,
    ping: () => {
      seen.pings++;
      return answers() ? Promise.resolve() : new Promise(() => {});
    },
    activity: async () => activity(),
    onSilent: (error) => seen.errors.push(error),
  });
  t.after(() => heartbeat.stop());
  /** Time passes, with this thread running all the while. */
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += TICK_MS) {
      nowMs += TICK_MS;
      t.mock.timers.tick(TICK_MS);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  /** This thread does not run for a while, as when the machine sleeps: one tick comes, late. */
  const sleep = async (ms: number) => {
    nowMs += ms - TICK_MS;
    await pass(TICK_MS);
  };
  return { heartbeat, seen, pass, sleep };
}

const waiting = { state: 'waiting', cpuTicks: 5 } as const;

test('a child that answers is pinged for ever', async (t) => {
  const { seen, pass } = underClock(
    t,
    () => waiting,
    () => true,
  );
  await pass(60_000);
  assert.ok(seen.pings >= 30);
  assert.equal(seen.errors.length, 0);
});

test('a child that talks and does not answer has four times as long', async (t) => {
  const { heartbeat, seen, pass } = underClock(t, () => waiting);
  let passedMs = 0;
  for (; seen.errors.length === 0 && passedMs < 60_000; passedMs += TICK_MS) {
    heartbeat.heard();
    await pass(TICK_MS);
  }
  assert.ok(passedMs >= 4 * TIMEOUT_MS && passedMs <= 5 * TIMEOUT_MS, `${passedMs}`);
});

test('a stopped child and one that waits for nothing are given up at the deadline, once', async (t) => {
  for (const state of ['stopped', 'waiting'] as const) {
    const { seen, pass } = underClock(t, () => ({ state, cpuTicks: 5 }));
    await pass(TIMEOUT_MS);
    assert.equal(seen.errors.length, 0);
    await pass(2 * TICK_MS);
    assert.equal(seen.errors.length, 1);
    assert.equal(seen.errors[0]?.code, 'timeout');
    assert.equal(seen.errors[0]?.data.state, state);
    await pass(60_000);
    assert.equal(seen.errors.length, 1);
    t.mock.reset();
    t.mock.timers.reset();
  }
});

test('a child at work gets four times as long, by its state or by the time it spends on a CPU', async (t) => {
  let ticks = 0;
  const busy: (() => ProcessActivity | undefined)[] = [
    () => ({ state: 'running', cpuTicks: 5 }),
    () => {
      ticks += 20;
      return { state: 'waiting', cpuTicks: ticks };
    },
    () => undefined,
  ];
  for (const activity of busy) {
    const { seen, pass } = underClock(t, activity);
    await pass(3.9 * TIMEOUT_MS);
    assert.equal(seen.errors.length, 0);
    await pass(TIMEOUT_MS);
    assert.equal(seen.errors.length, 1);
    t.mock.reset();
    t.mock.timers.reset();
  }
});

test('the sleep of the machine is no silence: the deadline begins anew', async (t) => {
  const { heartbeat, seen, pass, sleep } = underClock(t, () => waiting);
  await pass(TIMEOUT_MS);
  await sleep(3_600_000);
  await pass(TICK_MS);
  assert.equal(seen.errors.length, 0);
  heartbeat.heard();
  await sleep(3_600_000);
  assert.equal(seen.errors.length, 0);
  // It still does not answer.
  await pass(2 * TIMEOUT_MS);
  assert.equal(seen.errors.length, 1);
});
