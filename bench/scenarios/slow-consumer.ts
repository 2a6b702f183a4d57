import { deepStrictEqual } from 'node:assert/strict';
import { setTimeout as passed } from 'node:timers/promises';
import { watchLoopDelay } from '../loop-delay.js';
import { processTree, rssBytes } from '../measure.js';
import type { TailConsumer } from '../peer.js';
import type { MeasureContext, Sample, Scenario } from '../scenario.js';
import { setting } from '../scenario.js';
import { tailOf } from './tail-check.js';

const OURS = 'sidecar.call';
const STOCK = 'vscode-jsonrpc';
/** How many times the source's own duration a peer gets to deliver; what has not come by then counts as unaccounted. */
const PATIENCE = 3;

export const slowConsumer: Scenario = {
  name: 'slow-consumer',
  title: 'A consumer that is slower than its tail',
  about:
    'A source of 200,000 events of 200 bytes a second, and a consumer on the main thread that computes for 8 µs a line, or ' +
    'takes nothing for 5 seconds. Memory is the growth of each process, the largest of them shown. Delivered and ' +
    'dropped lines must add up to what was emitted, to the line, for a peer that claims to count.',
  cases: [
    {
      name: '8 µs a line',
      payload: '200 B a line',
      concurrency: '200,000 lines/s',
      settings: { linesPerSecond: 200_000, lineBytes: 200, seconds: 2, busyMicros: 8, pauseMs: 0 },
    },
    {
      name: 'stops for 5 s',
      payload: '200 B a line',
      concurrency: '200,000 lines/s',
      peers: [OURS],
      slow: true,
      settings: { linesPerSecond: 200_000, lineBytes: 200, seconds: 6, busyMicros: 0, pauseMs: 5000 },
    },
  ],
  peers: [STOCK, OURS],
  metrics: [
    { key: 'rssGrowthMiB', label: 'RSS growth MiB', better: 'lower', digits: 1, plot: true },
    { key: 'loopDelayP99Ms', label: 'loop delay p99 ms', better: 'lower', digits: 1, plot: true },
    { key: 'loopDelayMaxMs', label: 'max ms', better: 'lower', digits: 1 },
    { key: 'delivered', label: 'delivered', better: 'higher' },
    { key: 'dropped', label: 'dropped', better: 'lower' },
    { key: 'unaccounted', label: 'unaccounted', better: 'lower' },
    { key: 'secondsToEnd', label: 'seconds to the end', better: 'lower', digits: 1 },
  ],
  synthetic: true,
  seconds: { full: 22, quick: 0 },
  rounds: 2,
  sliceMs: 0,
  warmUp: false,
  measure,
};

async function measure(context: MeasureContext): Promise<Sample> {
  const session = await context.peer.start({ synthetic: true });
  try {
    await session.call('system.ping', { payload: 1 });
    const linesPerSecond = setting(context.case, 'linesPerSecond');
    const load = {
      linesPerSecond,
      lines: linesPerSecond * setting(context.case, 'seconds'),
      lineBytes: setting(context.case, 'lineBytes'),
    };
    const flow = { delivered: 0 };
    const memory = watchMemory();
    const delay = watchLoopDelay();
    const startedAt = performance.now();
    const handle = await tailOf(session)(load, 'text', consumer(context, flow));
    await Promise.race([handle.ended, passed(PATIENCE * 1000 * setting(context.case, 'seconds'))]);
    const elapsedMs = performance.now() - startedAt;
    const { p99Ms, maxMs } = delay.stop();
    const unaccounted = load.lines - flow.delivered - handle.dropped();
    if (handle.dropped() > 0) deepStrictEqual({ unaccounted }, { unaccounted: 0 });
    return {
      rssGrowthMiB: memory.stop() / 2 ** 20,
      loopDelayP99Ms: p99Ms,
      loopDelayMaxMs: maxMs,
      delivered: flow.delivered,
      dropped: handle.dropped(),
      unaccounted,
      secondsToEnd: elapsedMs / 1000,
    };
  } finally {
    await session.close();
  }
}

function consumer(context: MeasureContext, flow: { delivered: number }): TailConsumer {
  const busyMicros = setting(context.case, 'busyMicros');
  let pauseMs = setting(context.case, 'pauseMs');
  return ({ lines }) => {
    flow.delivered += lines;
    const until = performance.now() + (busyMicros * lines) / 1000;
    while (busyMicros > 0 && performance.now() < until);
    if (pauseMs === 0) return undefined;
    const pause = passed(pauseMs);
    pauseMs = 0;
    return pause;
  };
}

/** Looks at every process of the tree twenty times a second; `stop` gives the largest growth of any, in bytes. */
function watchMemory(): { stop(): number } {
  const first = new Map<number, number>();
  let growth = 0;
  const look = () => {
    for (const pid of processTree(process.pid)) {
      const now = rssBytes(pid);
      if (!Number.isFinite(now)) continue;
      const before = first.get(pid) ?? now;
      first.set(pid, before);
      growth = Math.max(growth, now - before);
    }
  };
  look();
  const timer = setInterval(look, 50);
  return {
    stop() {
      clearInterval(timer);
      look();
      return growth;
    },
  };
}
