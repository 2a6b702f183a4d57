import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import type { SidecarError, TailStream, TauriSidecar } from '../../bridge/index.js';
import { createScenario, createSharedScenario, eventOf, library, until } from '../support/scenario.js';

const { isTailGap } = library;
const running = createSharedScenario();

/** Reads to the end. @returns the code of what was thrown */
async function read(source: AsyncIterable<unknown>, take: (item: unknown) => void = () => {}) {
  try {
    for await (const item of source) take(item);
    return undefined;
  } catch (error) {
    return (error as SidecarError).code;
  }
}

/** The ways to read a stream to its end. */
const READERS: Record<string, (stream: TailStream) => Promise<string | undefined>> = {
  events: (stream) => read(stream),
  batches: (stream) => read(stream.batches()),
  'only once it has ended': async (stream) => {
    await until('the end', () => stream.endReason !== undefined);
    return read(stream);
  },
};

interface Ending {
  /** The Worker's name in the scenario, but for a number. */
  worker: string;
  end?(sidecar: TauriSidecar, stream: TailStream, controller: AbortController): unknown;
  reason: TailStream['endReason'];
  /** What the reader throws. */
  code?: string;
}

const stopTail = (door: Pick<TauriSidecar, 'remote'>['remote'] | TauriSidecar, { tailId = '' }: TailStream) =>
  (door as TauriSidecar).call('dashboard.stopTail', { tailId });

/** Every way a tail ends while its CLI goes on. */
const ENDINGS: Record<string, Ending> = {
  'call(stopTail)': { worker: 'steady', end: stopTail, reason: 'stopped' },
  'call(stopTail) of a quiet one': { worker: 'quiet', end: stopTail, reason: 'stopped' },
  'remote.call(stopTail)': {
    worker: 'quiet',
    end: ({ remote }, stream) => stopTail(remote, stream),
    reason: 'stopped',
  },
  'a second call(stopTail) beside the first': {
    worker: 'quiet',
    end: (sidecar, stream) => Promise.allSettled([stopTail(sidecar, stream), stopTail(sidecar, stream)]),
    reason: 'stopped',
  },
  'the server, stopped': { worker: 'ends-stopped', reason: 'stopped' },
  'the server, worker-deleted': { worker: 'ends-worker-deleted', reason: 'worker-deleted' },
  'the server, account-closed': { worker: 'ends-account-closed', reason: 'account-closed' },
  'the server, expired': { worker: 'ends-expired', reason: 'expired' },
  'the server, error': { worker: 'ends-error', reason: 'error', code: 'connection-lost' },
  'the server, in a later version’s words': {
    worker: 'ends-tired',
    reason: 'error',
    code: 'connection-lost',
  },
  'stream.stop()': { worker: 'steady', end: (_, stream) => stream.stop(), reason: 'stopped' },
  'an abort': {
    worker: 'steady',
    end: (_sidecar, _stream, controller) => controller.abort(),
    reason: 'stopped',
    code: 'cancelled',
  },
};

test('however a tail ends, each reader is told once, and it is never opened again', async () => {
  const { sidecar, notes } = await running();
  const names: string[] = [];
  const cases = Object.entries(ENDINGS).flatMap(([way, ending]) =>
    Object.entries(READERS).map(([reader, readIt]) => ({ what: `${way}, ${reader}`, ...ending, readIt })),
  );
  await Promise.all(
    cases.map(async ({ what, worker, end, reason, code, readIt }, at) => {
      const controller = new AbortController();
      names.push(`${worker}-${at}`);
      const stream = sidecar.tailLogs({ workerName: `${worker}-${at}` }, controller);
      const ended = readIt(stream);
      await stream.ready;
      await end?.(sidecar, stream, controller);
      assert.equal(await ended, code, what);
      assert.equal(stream.endReason, reason, what);
      // A reader that comes back is told that it is over, and nothing else.
      assert.equal(await read(stream), 'invalid-option', what);
    }),
  );
  await sidecar.restart();
  await sidecar.call('system.ping');
  const opened = (name: string) => notes().filter((note) => note === `tail opened ${name}`).length;
  assert.deepEqual(
    names.filter((name) => opened(name) !== 1),
    [],
  );
});

/** What a consumer that leaves does with its iterator, before and after the first item. */
const LEAVINGS: Record<string, (iterator: AsyncGenerator<unknown>) => Promise<unknown>> = {
  'return() before the first next()': (iterator) => iterator.return(undefined),
  'return() after an item': async (iterator) => {
    await iterator.next();
    await iterator.return(undefined);
  },
  'return() while a next() waits': async (iterator) => {
    const waiting = drain(iterator);
    await iterator.return(undefined);
    await waiting;
  },
  'throw() before the first next()': (iterator) => assert.rejects(iterator.throw(new Error('mine')), /mine/),
  'throw() while a next() waits': async (iterator) => {
    const waiting = drain(iterator);
    await iterator.throw(new Error('mine')).catch(() => undefined);
    await waiting;
  },
};

async function drain(iterator: AsyncIterator<unknown>): Promise<void> {
  while (!(await iterator.next()).done);
}

test('a consumer that leaves ends its tail at the server, wherever it stands', async () => {
  const { sidecar, notes } = await running();
  let at = 0;
  for (const [what, leave] of Object.entries(LEAVINGS)) {
    for (const form of ['events', 'batches'] as const) {
      for (const isReady of [true, false]) {
        const workerName = `leaving-${at++}`;
        const stream = sidecar.tailLogs({ workerName });
        if (isReady) await stream.ready;
        const iterator: AsyncGenerator<unknown> =
          form === 'events' ? stream[Symbol.asyncIterator]() : stream.batches();
        await leave(iterator);
        assert.equal(stream.endReason, 'stopped', `${what}, ${form}`);
        assert.equal((await iterator.next()).done, true);
        await until(`the end of ${workerName} at the server: ${what}, ${form}`, () =>
          notes().includes(`tail closed ${workerName}`),
        );
      }
    }
  }
});

test('an opening that was given up is ended when its answer comes late', async () => {
  const { sidecar, folder, notes } = await running();
  const late: Record<string, (workerName: string) => Promise<unknown>> = {
    'call, timeout': (workerName) => sidecar.call('dashboard.tailLogs', { workerName }, { timeout: 50 }),
    'call, abort': (workerName) =>
      sidecar.call('dashboard.tailLogs', { workerName }, { signal: AbortSignal.timeout(50) }),
    'remote.tail': (workerName) => sidecar.remote.tail({ workerName }, () => {}, { timeout: 50 }),
    tailLogs: (workerName) => read(sidecar.tailLogs({ workerName }, { signal: AbortSignal.timeout(50) })),
  };
  for (const [what, open] of Object.entries(late)) {
    const workerName = `busy-${what.replace(/\W/g, '').toLowerCase()}`;
    await open(workerName).catch(() => undefined);
    writeFileSync(join(folder, workerName), '');
    await until(`the end of ${workerName}`, () => notes().includes(`tail closed ${workerName}`));
  }
});

/** Ways in which the CLI of a tail ends. */
const LOSSES: Record<string, (sidecar: TauriSidecar) => unknown> = {
  SIGKILL: ({ pid }) => process.kill(pid as number, 'SIGKILL'),
  SIGTERM: ({ pid }) => process.kill(pid as number, 'SIGTERM'),
  'restart()': (sidecar) => sidecar.restart(),
  'the end of its thread': () => {
    for (const thread of threads) void thread.terminate();
  },
};

const threads = new Set<Worker>();
process.on('worker', (thread) => {
  threads.add(thread);
  thread.once('exit', () => threads.delete(thread));
});

test('however the CLI of a tail ends, its stream goes on behind one gap, and what was stopped does not', async (t) => {
  const { sidecar, notes } = await createScenario(t, '', { maxRestarts: 10 });
  await sidecar.start();
  for (const [what, lose] of Object.entries(LOSSES)) {
    const before = notes().length;
    const stopped = sidecar.tailLogs({ workerName: 'left' });
    const stream = sidecar.tailLogs({ workerName: 'going-on' });
    const remote = await sidecar.remote.tail({ workerName: 'remote' }, () => {});
    const { tailId } = await sidecar.call('dashboard.tailLogs', { workerName: 'for-events' });
    const told = eventOf(sidecar, 'tail-end');
    await Promise.all([stopped.ready, stream.ready]);
    stopped.stop();
    const again = eventOf(sidecar, 'started');
    const restarted = lose(sidecar);
    const seen: string[] = [];
    for await (const item of stream) {
      seen.push(isTailGap(item) ? item.reason : 'event');
      if (seen.includes('restarted') && seen.at(-1) === 'event') break;
    }
    assert.equal(seen.filter((one) => one === 'restarted').length, 1, what);
    assert.equal((await told)[0].tailId, tailId, what);
    assert.ok((await remote.closed).reason !== undefined, what);
    await Promise.all([again, restarted]);
    assert.equal(await read(stopped), undefined, what);
    await sidecar.call('system.ping');
    const opened = notes().slice(before);
    assert.equal(opened.filter((note) => note === 'tail opened left').length, 1, what);
  }
});

test('a stop whose answer dies with its CLI holds: the reader is told, and nothing is opened again', async (t) => {
  const { sidecar, notes } = await createScenario(t, '');
  await sidecar.start();
  const stream = sidecar.tailLogs({ workerName: 'fatal' });
  const ended = read(stream);
  await stream.ready;
  const again = eventOf(sidecar, 'started');
  // The end of this tail kills the process before anything of it is written; the repeated call finds no such tail.
  await assert.rejects(sidecar.call('dashboard.stopTail', { tailId: stream.tailId as string }), {
    code: 'not-found',
  });
  assert.equal(await ended, undefined);
  assert.equal(stream.endReason, 'stopped');
  await again;
  await sidecar.call('system.ping');
  assert.equal(notes().filter((note) => note === 'tail opened fatal').length, 1);
});

test('the end of the sidecar is told to every reader: without an error after stop(), with one in ERROR', async (t) => {
  for (const isAsked of [true, false]) {
    const { sidecar } = await createScenario(t, '', { autoRestart: false });
    await sidecar.start();
    sidecar.on('error', () => {});
    const streams = Object.values(READERS).map((readIt, at) => {
      const stream = sidecar.tailLogs({ workerName: `${at % 2 ? 'steady' : 'quiet'}-${at}` });
      return { stream, ended: readIt(stream) };
    });
    await Promise.all(streams.map(({ stream }) => stream.ready));
    if (isAsked) await sidecar.stop();
    else process.kill(sidecar.pid as number, 'SIGKILL');
    for (const { stream, ended } of streams) {
      assert.equal(await ended, isAsked ? undefined : 'connection-lost');
      assert.equal(stream.endReason, 'sidecar-stopped');
    }
  }
});
