import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Uptime } from '../../bridge/uptime.js';

test('uptime counts the time this thread ran, and no sleep', (t) => {
  let nowMs = 1000;
  t.mock.method(performance, 'now', () => nowMs);
  t.mock.timers.enable({ apis: ['setInterval'] });
  const pass = (ms: number) => {
    for (let passed = 0; passed < ms; passed += 1000) {
      nowMs += 1000;
      t.mock.timers.tick(1000);
    }
  };
  const uptime = new Uptime();
  assert.equal(uptime.stop(), 0);
  uptime.start();
  pass(42_000);
  nowMs += 3_600_000;
  pass(10_000);
  const counted = uptime.stop();
  assert.ok(counted >= 42_000 && counted <= 52_000, `${counted}`);
  assert.equal(uptime.stop(), counted);
  uptime.start();
  pass(61_000);
  assert.equal(uptime.stop(), 61_000);
});
