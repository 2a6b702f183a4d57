import { watchLoopDelay } from '../loop-delay.js';
import { mainThreadCpuMicros, treeCpuMicros } from '../measure.js';
import type { TailForm } from '../peer.js';
import type { MeasureContext, Sample, Scenario } from '../scenario.js';
import { setting } from '../scenario.js';
import { checkTail, tailOf } from './tail-check.js';

const LINE_BYTES = 200;
const STOCK = 'vscode-jsonrpc';
const OURS = 'sidecar.call';

export const tailFlood: Scenario = {
  name: 'tail-flood',
  title: 'A flood of log lines',
  about:
    'Trace events of 200 bytes, emitted as fast as they are taken, counted on the main thread. The peers send a ' +
    'notification a line, waiting for each write, and have objects only. The sidecar hands batches over under credits: ' +
    'forwarded as text, left as bytes (decoded lazily), or every event parsed. What it drops is not counted as delivered.',
  cases: [
    tailCase('parsed', 'every event parsed', [STOCK, 'worker + comlink, naive', OURS]),
    tailCase('text', 'forwarded as text', [STOCK, OURS]),
    tailCase('lazy', 'decoded lazily', [STOCK, OURS]),
  ],
  peers: [STOCK, 'worker + comlink, naive', OURS],
  metrics: [
    { key: 'linesPerSecond', label: 'lines/s', better: 'higher', plot: true },
    { key: 'mainCpuMicros', label: 'main-thread CPU µs/line', better: 'lower', digits: 2, plot: true },
    { key: 'treeCpuMicros', label: 'CPU of all processes µs/line', better: 'lower', digits: 2 },
    { key: 'loopDelayP99Ms', label: 'loop delay p99 ms', better: 'lower', digits: 1 },
    { key: 'loopDelayMaxMs', label: 'max ms', better: 'lower', digits: 1 },
    { key: 'droppedPercent', label: 'dropped %', better: 'lower', digits: 1 },
  ],
  synthetic: true,
  rounds: 4,
  sliceMs: 800,
  measure,
};

function tailCase(form: TailForm, name: string, peers: string[]) {
  return {
    name,
    payload: `${LINE_BYTES} B`,
    concurrency: 'flood',
    peers,
    slow: form === 'text',
    settings: { form, lineBytes: LINE_BYTES },
  };
}

async function measure(context: MeasureContext): Promise<Sample> {
  const session = await context.session({ synthetic: true });
  const form = context.case.settings.form as TailForm;
  const lineBytes = setting(context.case, 'lineBytes');
  await checkTail(session, form, lineBytes);

  const flow = { lines: 0, firstAt: 0 };
  const handle = await tailOf(session)({ linesPerSecond: 0, lines: 0, lineBytes }, form, (delivered) => {
    flow.firstAt ||= performance.now();
    flow.lines += delivered.lines;
    return undefined;
  });
  // The first moments fill queues and buffers; a flood is what comes after.
  await passed(context.sliceMs / 4);
  const before = { ...flow, at: performance.now(), main: mainThreadCpuMicros(), tree: treeCpuMicros() };
  const droppedBefore = handle.dropped();
  const delay = watchLoopDelay();
  await passed(context.sliceMs);
  const { p99Ms, maxMs } = delay.stop();
  const lines = flow.lines - before.lines;
  const elapsedMs = performance.now() - before.at;
  const mainMicros = mainThreadCpuMicros() - before.main;
  const treeMicros = treeCpuMicros() - before.tree;
  const dropped = handle.dropped() - droppedBefore;
  await handle.stop();
  return {
    linesPerSecond: (lines / elapsedMs) * 1000,
    mainCpuMicros: mainMicros / lines,
    treeCpuMicros: treeMicros / lines,
    loopDelayP99Ms: p99Ms,
    loopDelayMaxMs: maxMs,
    droppedPercent: (dropped / (dropped + lines)) * 100,
  };
}

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
