// The end of the worker thread, and many restarts.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, type ResourceLimits, type Worker, type WorkerOptions } from 'node:worker_threads';
import type { SidecarError, TauriSidecar } from '../../bridge/index.js';
import { VirtualClock } from '../support/fault-clock.js';
import { buildLibrary } from '../support/fault-library.js';
import { judgesTimes, record, scaled } from '../support/figures.js';
import { isRunning } from '../support/process-state.js';
import { HANG_MS, until, within } from '../support/until.js';

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
    startTimeout: HANG_MS,
  });
  sidecar.on('error', () => undefined);
  return sidecar;
}

/** A clock of the main thread whose seconds are turned by hand. */
function clockOf(t: TestContext): VirtualClock {
  const clock = new VirtualClock();
  clock.install(500);
  t.after(() => clock.uninstall());
  return clock;
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
  // Longer than it takes to notice the thread.
  const limit = { timeout: 10 * HANG_MS };
  const calls = [
    codeOf(sidecar.call('system.ping', { payload: { unlessPid: pid } }, limit)),
    codeOf(sidecar.remote.call('system.ping', { payload: { unlessPid: pid } }, limit)),
    codeOf(sidecar.call('dashboard.createR2Bucket', { name: 'hangs' }, limit)),
  ];
  await sidecar.call('system.ping');
  const wedged = new Promise((resolve) => {
    channel.onmessage = ({ data }: { data: unknown }) => data === 'wedged' && resolve(undefined);
  });
  channel.postMessage(how);
  await within('the end of all work in the thread', wedged);
  return { pid, codes: Promise.all(calls) };
}

test('a thread that wedges is replaced, and its child with it', async (t) => {
  const count = scaled(20);
  const clock = clockOf(t);
  const sidecar = createSidecar();
  try {
    await sidecar.start();
    for (let i = 0; i < count; i++) {
      const { pid, codes } = await wedge(sidecar, 'loop');
      while (sidecar.isRunning()) await clock.advance(1000);
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

/** A pipe for writing, once somebody reads it. */
async function openWhenRead(pipe: string): Promise<number> {
  let writer: number | undefined;
  await until('the reader', () => {
    try {
      writer = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENXIO');
    }
    return writer !== undefined;
  });
  return writer as number;
}

test('stop() of a thread that wedged ends its child and settles every call after its stopTimeout', async (t) => {
  const clock = clockOf(t);
  const pipe = join(broken.folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  for (const how of ['loop', pipe]) {
    const sidecar = createSidecar();
    await sidecar.start();
    const thread = lastThread as Worker;
    const ended = once(thread, 'exit');
    const { pid, codes } = await wedge(sidecar, how);
    const writer = how === pipe ? await openWhenRead(pipe) : undefined;
    let isStopped = false;
    const stopping = sidecar.stop().then(() => {
      isStopped = true;
    });
    await clock.advance(4999);
    assert.equal(isStopped, false);
    await clock.advance(1);
    await stopping;
    assert.deepEqual(await codes, ['not-running', 'not-running', 'indeterminate']);
    await until(`process ${pid} ends`, () => !isRunning(pid));
    assert.equal(sidecar.getState(), 'stopped');
    // A writer that goes lets the thread go on, to its end.
    if (writer !== undefined) closeSync(writer);
    await ended;
  }
  record({
    test: 'stop() of a worker thread in an endless loop, and in a read that does not return',
    goal: 'resolved, every call settled, 0 children alive after 5 s',
    reached: 'all settled, 0 alive',
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
