import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Deadline } from '../../bridge/deadline.js';

test('it passes once, after its time', async () => {
  let passed = 0;
  const startMs = performance.now();
  await new Promise<void>((resolve) => {
    new Deadline(100, () => {
      passed++;
      resolve();
    });
  });
  assert.ok(performance.now() - startMs >= 90);
  await sleep(150);
  assert.equal(passed, 1);
});

test('one that is cleared does not pass', async () => {
  const deadline = new Deadline(50, () => assert.fail('it passed'));
  deadline.clear();
  deadline.clear();
  await sleep(150);
});

test('time in which nothing ran here does not count', async () => {
  let passed = false;
  const deadline = new Deadline(500, () => {
    passed = true;
  });
  // Blocks this thread, as a stopped process or a busy app does.
  spawnSync(process.execPath, ['-e', 'setTimeout(() => {}, 800)']);
  await sleep(10);
  assert.equal(passed, false);
  deadline.clear();
});
