// The end of the worker thread, and many restarts.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, type ResourceLimits, type Worker, type WorkerOptions } from 'node:worker_threads';
import type { SidecarError, TauriSidecar } from '../../bridge/index.js';
import { buildLibrary } from '../support/fault-library.js';
import { judgesTimes, record, scaled } from '../support/figures.js';
import { isRunning } from '../support/process-state.js';
import { until } from '../support/until.js';

/** A thread that runs out of memory is to do so soon. piscina takes the class from this object at each use. */
const threads = createRequire(import.meta.url)('node:worker_threads') as { Worker: typeof Worker };
const resourceLimits: ResourceLimits = { maxOldGenerationSizeMb: 48, maxYoungGenerationSizeMb: 8 };
let lastThread: Worker | undefined;
threads.Worker = class extends threads.Worker {
  constructor(file: string | URL, options: WorkerOptions) {
    super(file, { ...options, resourceLimits });
    lastThread = this;
  }
};

const CLI = 'test/support/fault-cli.ts';
const { library, pathOf } = await buildLibrary([CLI], 'test/support/fault-worker.ts');
const broken = await buildLibrary([CLI]);
const channel = new BroadcastChannel('fault-thread');
after(() => channel.close());

const GOAL_MS = 250;

function createSidecar(): TauriSidecar {
  const sidecar = new library.TauriSidecar({
    cliPath: pathOf(CLI),
    account: 'local',
    restartDelay: 0,
    maxRestarts: 1_000_000,
  });
  sidecar.on('error', () => undefined);
  return sidecar;
}

const ENDS: Record<string, () => void> = {
  crash: () => channel.postMessage('crash'),
  'out of memory': () => channel.postMessage('run out of memory'),
  terminate: () => void lastThread?.terminate(),
};

/** One end of the thread with calls in flight. @returns how long after it each call not safe to repeat was settled */
async function endThread(sidecar: TauriSidecar, end: () => void): Promise<number[]> {
  const pid = sidecar.pid as number;
  const thread = lastThread as Worker;
  let diedMs = 0;
  // Calls may settle before this is told: that is no time at all.
  thread.once('exit', () => {
    diedMs = performance.now();
  });
  const reads = [1, 2].map(() => sidecar.call('system.ping', { payload: { unlessPid: pid } }));
  const writes = [1, 2].map(() =>
    sidecar.call('dashboard.createR2Bucket', { name: 'hangs' }).then(
      () => assert.fail('it resolved'),
      (error: SidecarError) => {
        assert.equal(error.code, 'indeterminate');
        return performance.now();
      },
    ),
  );
  await sidecar.call('system.ping');
  end();
  const settled = await Promise.all(writes);
  for (const { pong } of await Promise.all(reads)) assert.equal(pong, true);
  await until(`process ${pid} ends`, () => !isRunning(pid));
  assert.notEqual(sidecar.pid, pid);
  return settled.map((atMs) => Math.max(0, atMs - diedMs));
}

for (const [name, end] of Object.entries(ENDS)) {
  test(`a thread that ends by ${name} takes its child along; its calls settle or are repeated`, async () => {
    const count = scaled(100);
    const sidecar = createSidecar();
    try {
      await sidecar.start();
      const times: number[] = [];
      for (let i = 0; i < count; i++) times.push(...(await endThread(sidecar, end)));
      times.sort((a, b) => a - b);
      const slowestMs = times.at(-1) ?? 0;
      record({
        test: `worker thread ended by ${name}, ${count} times`,
        goal: `every call settled <= ${GOAL_MS} ms or repeated, 0 children alive`,
        reached: `all settled, slowest ${slowestMs.toFixed(0)} ms, or repeated; 0 alive`,
      });
      if (judgesTimes) assert.ok(slowestMs <= 5 * GOAL_MS, `${slowestMs} ms`);
    } finally {
      await sidecar.stop();
    }
  });
}

/** In flight when the thread wedges: two reads, which the next child answers, and a write. */
async function wedge(sidecar: TauriSidecar, how: string) {
  const pid = sidecar.pid as number;
  const codeOf = (call: Promise<unknown>) =>
    call.then(
      () => 'answered',
      (error: SidecarError) => error.code,
    );
  const calls = [
    codeOf(sidecar.call('system.ping', { payload: { unlessPid: pid } })),
    codeOf(sidecar.remote.call('system.ping', { payload: { unlessPid: pid } })),
    codeOf(sidecar.call('dashboard.createR2Bucket', { name: 'hangs' })),
  ];
  await sidecar.call('system.ping');
  channel.postMessage(how);
  return { pid, codes: Promise.all(calls) };
}

test('a thread that wedges is replaced, and its child with it', async () => {
  const count = scaled(20);
  const sidecar = new library.TauriSidecar({
    cliPath: pathOf(CLI),
    account: 'local',
    restartDelay: 0,
    maxRestarts: 1_000_000,
    heartbeatTimeout: 150,
  });
  sidecar.on('error', () => undefined);
  try {
    await sidecar.start();
    for (let i = 0; i < count; i++) {
      const { pid, codes } = await wedge(sidecar, 'loop');
      assert.deepEqual(await codes, ['answered', 'answered', 'indeterminate']);
      await until(`process ${pid} ends`, () => !isRunning(pid));
      assert.notEqual(sidecar.pid, pid);
    }
    record({
      test: `worker thread in an endless loop, ${count} times`,
      goal: 'every call settled or repeated, 0 children alive',
      reached: 'all settled or repeated; 0 alive',
    });
  } finally {
    await sidecar.stop();
  }
});

test('stop() of a thread that wedged ends its child and settles every call within its 6 s', async () => {
  const pipe = join(broken.folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const times: number[] = [];
  for (const how of ['loop', pipe]) {
    const sidecar = createSidecar();
    await sidecar.start();
    const thread = lastThread as Worker;
    const ended = once(thread, 'exit');
    const { pid, codes } = await wedge(sidecar, how);
    const startedMs = performance.now();
    await sidecar.stop();
    times.push(performance.now() - startedMs);
    assert.deepEqual(await codes, ['not-running', 'not-running', 'indeterminate']);
    await until(`process ${pid} ends`, () => !isRunning(pid));
    assert.equal(sidecar.getState(), 'stopped');
    // A writer that comes and goes lets the thread go on, to its end.
    if (how === pipe) writeFileSync(pipe, '');
    await ended;
  }
  record({
    test: 'stop() of a worker thread in an endless loop, and in a read that does not return',
    goal: 'resolved, every call settled, 0 children alive after 6 s',
    reached: `after ${times.map((ms) => ms.toFixed(0)).join(' and ')} ms, all settled, 0 alive`,
  });
});

test('a thread that cannot be loaded is a failed start, not an endless one', async () => {
  rmSync(join(broken.folder, 'worker/main.cjs'));
  const sidecar = new broken.library.TauriSidecar({ cliPath: pathOf(CLI), account: 'local' });
  sidecar.on('error', () => undefined);
  await assert.rejects(sidecar.start(), { code: 'worker-thread-failed' });
  await sidecar.stop();
});

interface Resources {
  descriptors: number;
  handles: number;
  listeners: number;
  rssMiB: number;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function resources(sidecar: TauriSidecar): Resources {
  collectGarbage();
  const emitters = [process, sidecar, process.stdout, process.stderr];
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    handles: process.getActiveResourcesInfo().filter((name) => name !== 'Immediate').length,
    listeners: emitters
      .flatMap((emitter) => emitter.eventNames().map((name) => emitter.listenerCount(name as string)))
      .reduce((sum, count) => sum + count, 0),
    rssMiB: process.memoryUsage().rss / 1024 / 1024,
  };
}

const linuxOnly = { skip: process.platform !== 'linux' && 'reads /proc' };

test('restarts leave no handle, listener or memory behind', linuxOnly, async () => {
  const count = scaled(500);
  const sidecar = createSidecar();
  try {
    await sidecar.start();
    const restart = async (round: number) => {
      const { pid } = sidecar;
      if (round % 2 === 0) await sidecar.restart();
      else {
        process.kill(pid as number, 'SIGKILL');
        await until('another child', () => sidecar.isRunning() && sidecar.pid !== pid);
      }
      await sidecar.call('system.ping');
    };
    for (let round = 0; round < 20; round++) await restart(round);
    const before = resources(sidecar);
    for (let round = 0; round < count; round++) await restart(round);
    const now = resources(sidecar);
    const driftMiB = now.rssMiB - before.rssMiB;
    record({
      test: `${count} restarts, asked for and after SIGKILL in turn`,
      goal: 'no growth of handles or listeners, RSS drift <= 10 MiB',
      reached: `descriptors ${before.descriptors} -> ${now.descriptors}, handles ${before.handles} -> ${now.handles}, listeners ${before.listeners} -> ${now.listeners}, drift ${driftMiB.toFixed(1)} MiB`,
    });
    assert.ok(now.descriptors <= before.descriptors + 2, 'descriptors');
    assert.ok(now.handles <= before.handles + 2, 'handles');
    assert.equal(now.listeners, before.listeners);
    assert.ok(driftMiB <= 50, `${driftMiB} MiB`);
  } finally {
    await sidecar.stop();
  }
});
