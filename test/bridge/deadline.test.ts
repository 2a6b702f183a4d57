import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Deadline } from '../../bridge/deadline.js';
import { VirtualClock } from '../support/fault-clock.js';

/** A deadline of 100 ms under a clock that is turned by hand. */
function underClock(t: TestContext) {
  const clock = new VirtualClock();
  clock.install();
  t.after(() => clock.uninstall());
  const seen = { passed: 0 };
  const deadline = new Deadline(100, () => seen.passed++);
  return { clock, deadline, seen };
}

test('it passes once, after its time', async (t) => {
  const { clock, seen } = underClock(t);
  await clock.advance(99);
  assert.equal(seen.passed, 0);
  await clock.advance(1);
  assert.equal(seen.passed, 1);
  await clock.advance(10_000);
  assert.equal(seen.passed, 1);
  assert.equal(clock.pending, 0);
});

test('one that is cleared does not pass', async (t) => {
  const { clock, deadline, seen } = underClock(t);
  await clock.advance(99);
  deadline.clear();
  deadline.clear();
  await clock.advance(10_000);
  assert.equal(seen.passed, 0);
});

test('time in which nothing ran here does not count', async (t) => {
  const { clock, seen } = underClock(t);
  // As when the process is stopped, or its thread blocked.
  for (let leaps = 0; leaps < 9; leaps++) await clock.leap(3_600_000);
  assert.equal(seen.passed, 0);
  await clock.advance(10);
  assert.equal(seen.passed, 1);
});
