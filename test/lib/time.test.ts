import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Deadline, judgeAfter, timeoutSignal, within } from '../../src/lib/time.js';
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

test('a deadline passes once, after its time', async (t) => {
  const { clock, seen } = underClock(t);
  await clock.advance(99);
  assert.equal(seen.passed, 0);
  await clock.advance(1);
  assert.equal(seen.passed, 1);
  await clock.advance(10_000);
  assert.equal(seen.passed, 1);
  assert.equal(clock.pending, 0);
});

test('a deadline that is cleared does not pass', async (t) => {
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

const TIMERS: Record<string, (ms: number, onPassed: () => void) => void> = {
  judgeAfter,
  timeoutSignal: (ms, onPassed) => timeoutSignal(ms).addEventListener('abort', onPassed),
  within: (ms, onPassed) => void within(ms, new Promise(() => {})).then(onPassed),
  Deadline: (ms, onPassed) => new Deadline(ms, onPassed),
};

for (const [name, start] of Object.entries(TIMERS)) {
  test(`${name} passes only when what has arrived was read`, async (t) => {
    const peer = spawn(process.execPath, ['-e', 'process.stdin.pipe(process.stdout)']);
    t.after(() => peer.kill());
    const seen: string[] = [];
    const passed = new Promise<void>((resolve) => {
      peer.stdout.once('data', () => {
        // Asked for the answer, which comes while this thread is blocked.
        peer.stdout.once('data', () => seen.push('answer'));
        start(20, () => {
          seen.push('judged');
          resolve();
        });
        peer.stdin.write('ask', () => spawnSync(process.execPath, ['-e', 'setTimeout(() => {}, 300)']));
      });
    });
    peer.stdin.write('ready');
    await passed;
    assert.deepEqual(seen, ['answer', 'judged']);
  });
}

test('a timer that was cleared is not started anew', async (t) => {
  const { clock } = underClock(t);
  const timer = judgeAfter(10, () => assert.fail('it passed'));
  timer.clear();
  timer.refresh();
  await clock.advance(10_000);
});

/** What keeps time by itself: pauses, and closing what nobody waits for. Whoever judges a peer takes `lib/time`. */
const PLAIN_TIMERS = [
  'src/accounts/cloud-tail.ts',
  'src/accounts/local/tail-socket.ts',
  'src/accounts/local/workerd/generation.ts',
  'src/accounts/local/workerd/workerd-process.ts',
  'src/accounts/tail-pressure.ts',
  'src/cloudflare/deadline.ts',
  'src/commands/interrupts.ts',
  'src/lib/time.ts',
  'bridge/supervision.ts',
];

test('a timer that judges somebody else is one of these', async () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const plain: string[] = [];
  for (const folder of ['src', 'worker', 'bridge']) {
    for (const file of await readdir(join(root, folder), { recursive: true })) {
      if (!file.endsWith('.ts') || file.includes('templates')) continue;
      const code = await readFile(join(root, folder, file), 'utf8');
      if (/\bsetTimeout\(|AbortSignal\.timeout\(/.test(code)) plain.push(`${folder}/${file}`);
    }
  }
  assert.deepEqual(plain.sort(), [...PLAIN_TIMERS].sort());
});
