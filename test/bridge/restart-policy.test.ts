import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countedAttempts, decideRestart, HEALTHY_MS, MAX_DELAY_MS } from '../../bridge/restart-policy.js';

const policy = { autoRestart: true, restartDelayMs: 5000, maxRestarts: 5 };

test('the first delay is exact, whatever the jitter', () => {
  for (const random of [0, 0.5, 1]) {
    assert.deepEqual(decideRestart(policy, 0, random), { kind: 'restart', attempt: 1, delayMs: 5000 });
  }
});

test('delays double, jitter only adds, and a minute is the cap', () => {
  const delays = [1, 2, 3, 4].map((attempts) => decideRestart(policy, attempts, 0));
  assert.deepEqual(
    delays.map((decision) => decision.kind === 'restart' && decision.delayMs),
    [10_000, 20_000, 40_000, MAX_DELAY_MS],
  );
  const jittered = decideRestart(policy, 1, 1);
  assert.equal(jittered.kind === 'restart' && jittered.delayMs, 12_500);
  const many = { ...policy, maxRestarts: 10_000 };
  for (const attempts of [10, 100, 5000]) {
    const decision = decideRestart(many, attempts, 1);
    assert.equal(decision.kind === 'restart' && decision.delayMs, MAX_DELAY_MS);
  }
});

test('a delay longer than the cap is kept', () => {
  const patient = { ...policy, restartDelayMs: 90_000 };
  for (const attempts of [0, 1, 4]) {
    const decision = decideRestart(patient, attempts, 1);
    assert.equal(decision.kind === 'restart' && decision.delayMs, 90_000);
  }
});

test('used-up restarts end in giving up, none at all in staying down', () => {
  assert.deepEqual(decideRestart(policy, 5, 0), { kind: 'give-up', attempts: 5 });
  assert.deepEqual(decideRestart({ ...policy, maxRestarts: 0 }, 0, 0), { kind: 'give-up', attempts: 0 });
  assert.deepEqual(decideRestart({ ...policy, autoRestart: false }, 0, 0), { kind: 'stay-down' });
});

test('a healthy minute, and nothing less, clears the count', () => {
  assert.equal(countedAttempts(3, HEALTHY_MS), 0);
  assert.equal(countedAttempts(3, HEALTHY_MS - 1), 3);
});
