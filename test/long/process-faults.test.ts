// Faults of real child processes, in every situation of their host.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SidecarError, TauriSidecar } from '../../bridge/index.js';
import { buildLibrary } from '../support/fault-library.js';
import { judgesTimes, record, scaled } from '../support/figures.js';
import { isRunning } from '../support/process-state.js';
import { inTwoLanes } from '../support/two-lanes.js';
import { HANG_MS, until } from '../support/until.js';

const { library, pathOf } = await buildLibrary(['test/support/fault-cli.ts']);
const GOAL_MS = 250;
/** What a fault that only silence tells is noticed by. Any other child may be as slow as it likes. */
const HEARTBEAT_MS = 600;
const SILENT: readonly Fault[] = ['SIGSTOP', 'deaf', 'mute'];

const FAULTS = [
  'SIGKILL',
  'SIGSTOP',
  'exit 0',
  'exit 1',
  'half frame',
  'noise',
  'mute',
  'deaf',
  'slow',
] as const;
const SITUATIONS = ['idle', 'in flight', 'tailing'] as const;
type Fault = (typeof FAULTS)[number];
type Situation = (typeof SITUATIONS)[number];

/** How long after the end of the child each call that is not safe to repeat was settled, in ms. */
const settledAfterMs: number[] = [];

function commit(sidecar: TauriSidecar, pid: number, fault: Fault): void {
  if (fault === 'SIGKILL' || fault === 'SIGSTOP') process.kill(pid, fault);
  // Its own fate is one of the calls in flight.
  else void sidecar.call('system.ping', { payload: { fault, pid } }).catch(() => undefined);
}

/** Until a call settles, or is late. */
async function outcomeOf(call: Promise<unknown>): Promise<{ code: string; atMs: number }> {
  const code = await call.then(
    () => 'result',
    (error: SidecarError) => error.code,
  );
  return { code, atMs: performance.now() };
}

/** When a process is first seen to be gone, looked for often. */
async function endOf(pid: number): Promise<number> {
  await until(`process ${pid} ends`, () => !isRunning(pid));
  return performance.now();
}

async function carryOut(fault: Fault, situation: Situation): Promise<void> {
  const sidecar = new library.TauriSidecar({
    cliPath: pathOf('test/support/fault-cli.ts'),
    account: 'local',
    restartDelay: 1,
    startTimeout: HANG_MS,
    heartbeatTimeout: SILENT.includes(fault) ? HEARTBEAT_MS : HANG_MS,
  });
  sidecar.on('error', () => undefined);
  try {
    await sidecar.start();
    const pid = sidecar.pid as number;
    // A stop would wait for them where there is no fault.
    const inFlight = fault === 'slow' ? [] : [1, 2, 3, 4];
    const reads = situation === 'in flight' ? inFlight.map(() => readUnless(sidecar, pid)) : [];
    const writes =
      situation === 'idle'
        ? []
        : inFlight.map(() => outcomeOf(sidecar.call('dashboard.createR2Bucket', { name: 'hangs' })));
    const tail = situation === 'tailing' ? followTail(sidecar) : undefined;
    if (tail !== undefined) await until('events', () => tail.seen.pids.has(pid));
    else await sidecar.call('system.ping');
    commit(sidecar, pid, fault);
    if (fault === 'slow') await staysUp(sidecar, pid);
    else {
      const endedMs = await endOf(pid);
      for (const { code, atMs } of await Promise.all(writes)) {
        assert.equal(code, 'indeterminate');
        settledAfterMs.push(Math.max(0, atMs - endedMs));
      }
      for (const { code } of await Promise.all(reads)) assert.equal(code, 'result');
      await until('another child', () => sidecar.isRunning() && sidecar.pid !== pid);
      if (tail !== undefined)
        await until(
          'the tail goes on',
          () => tail.seen.gaps > 0 && tail.seen.gaps === tail.seen.pids.size - 1,
        );
    }
    assert.equal((await sidecar.call('system.ping', { payload: 'after' })).payload, 'after');
    await sidecar.stop();
    await tail?.ended;
    for (const { code } of await Promise.all([...reads, ...writes])) assert.notEqual(code, 'pending');
  } finally {
    await sidecar.stop();
  }
}

/** A read that the first child never answers. */
function readUnless(sidecar: TauriSidecar, pid: number): ReturnType<typeof outcomeOf> {
  return outcomeOf(sidecar.call('system.ping', { payload: { unlessPid: pid } }));
}

/** Slow is no fault: it is not ended, and what was asked is answered. */
async function staysUp(sidecar: TauriSidecar, pid: number): Promise<void> {
  for (let i = 0; i < 5; i++) await sidecar.call('system.ping');
  assert.equal(sidecar.pid, pid);
}

function followTail(sidecar: TauriSidecar) {
  const seen = { pids: new Set<number>(), gaps: 0 };
  const stream = sidecar.tailLogs({ workerName: 'any' });
  const read = async () => {
    for await (const item of stream) {
      if (library.isTailGap(item)) seen.gaps++;
      else seen.pids.add((item as unknown as { pid: number }).pid);
    }
  };
  return { seen, ended: read() };
}

test('every fault of a child, in every situation, settles every call and is got over', async () => {
  const pairs = FAULTS.flatMap((fault) => SITUATIONS.map((situation) => ({ fault, situation })));
  const count = Math.max(scaled(300), pairs.length);
  let next = 0;
  await inTwoLanes(count, async () => {
    const pair = pairs[next++ % pairs.length] as (typeof pairs)[number];
    try {
      await carryOut(pair.fault, pair.situation);
    } catch (cause) {
      throw new Error(`${pair.fault}, ${pair.situation}: ${(cause as Error).message}`, { cause });
    }
  });
  settledAfterMs.sort((a, b) => a - b);
  const p99 = settledAfterMs[Math.floor(settledAfterMs.length * 0.99)] ?? 0;
  record({
    test: `real-process schedules, ${count}: ${FAULTS.join(', ')} × ${SITUATIONS.join(', ')}`,
    goal: `0 hung; p99 of calls not safe to repeat <= ${GOAL_MS} ms after the exit`,
    reached: `0 hung; p99 ${p99.toFixed(0)} ms of ${settledAfterMs.length}`,
  });
  if (judgesTimes) assert.ok(p99 <= 5 * GOAL_MS, `p99 ${p99} ms`);
});
