import { ok } from 'node:assert/strict';
import { watchLoopDelay } from '../loop-delay.js';
import { mainThreadCpuMicros, treeCpuMicros } from '../measure.js';
import type { PeerSession, TailForm, TailLoad } from '../peer.js';
import type { Metric, Sample } from '../scenario.js';
import { eventTexts } from '../tail-source.js';
import { tailOf } from './tail-check.js';

/** The three ways to have a tail's events, as rows of a table. */
export const TAIL_ROWS: Readonly<Record<string, TailForm>> = {
  'sidecar, every event parsed': 'parsed',
  'sidecar, as text': 'text',
  'sidecar, decoded lazily': 'lazy',
};

export const tailMetrics: readonly Metric[] = [
  { key: 'linesPerSecond', label: 'lines/s', better: 'higher', plot: true },
  { key: 'mainCpuMicros', label: 'main-thread CPU µs/line', better: 'lower', digits: 2, plot: true },
  { key: 'treeCpuMicros', label: 'CPU of all processes µs/line', better: 'lower', digits: 2 },
  { key: 'loopDelayP99Ms', label: 'loop delay p99 ms', better: 'lower', digits: 1 },
  { key: 'loopDelayMaxMs', label: 'max ms', better: 'lower', digits: 1 },
];

/** From the first line of a tail to the one with which all of `load` is delivered or reported as dropped. */
export async function measureFlood(
  session: PeerSession,
  form: TailForm,
  load: TailLoad,
): Promise<{ delivered: number; dropped: number; sample: Sample }> {
  let first: { lines: number; at: number; main: number; tree: number } | undefined;
  let delivered = 0;
  const known = eventTexts(load.lineBytes);
  let allCame = () => {};
  const complete = new Promise<void>((resolve) => {
    allCame = resolve;
  });
  const delay = watchLoopDelay();
  const handle = await tailOf(session)(load, form, ({ lines, sample }) => {
    if (!first) ok(known.includes(JSON.stringify(sample())), 'an event must come as it was emitted');
    delivered += lines;
    if (first && delivered + handle.dropped() >= load.lines) allCame();
    // The first lines are not counted: opening the tail is no part of the flood.
    first ??= { lines, at: performance.now(), main: mainThreadCpuMicros(), tree: treeCpuMicros() };
    return undefined;
  });
  await Promise.race([complete, handle.ended]);
  const end = { at: performance.now(), main: mainThreadCpuMicros(), tree: treeCpuMicros() };
  const { p99Ms, maxMs } = delay.stop();
  const dropped = handle.dropped();
  await handle.stop();
  if (!first) throw new Error('No line came.');
  const lines = delivered - first.lines;
  return {
    delivered,
    dropped,
    sample: {
      linesPerSecond: (lines / (end.at - first.at)) * 1000,
      mainCpuMicros: (end.main - first.main) / lines,
      treeCpuMicros: (end.tree - first.tree) / lines,
      loopDelayP99Ms: p99Ms,
      loopDelayMaxMs: maxMs,
    },
  };
}
