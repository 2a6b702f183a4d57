import { deepStrictEqual } from 'node:assert/strict';
import type { MeasureContext, Sample, Scenario } from '../scenario.js';
import { setting } from '../scenario.js';
import { checkTail } from './tail-check.js';
import { measureFlood, TAIL_ROWS, tailMetrics } from './tail-rows.js';

const LINE_BYTES = 200;
const STOCK = 'vscode-jsonrpc';
const NAIVE = 'worker + comlink, naive';
/** Lines a round: what takes each about a second. */
const LINES: Record<string, number> = { [STOCK]: 80_000, [NAIVE]: 20_000 };
const OWN_LINES = 500_000;
const SLICE_MS = 800;

export const tailFlood: Scenario = {
  name: 'tail-flood',
  title: 'A flood of log lines',
  about:
    'Trace events of 200 bytes, emitted as fast as they are taken: 500,000 for the sidecar, as many as come in a second for the ' +
    'peers. Every source waits for its reader, so that every line emitted is delivered, and is counted on the main thread. The ' +
    'peers send a notification a line, awaiting each write, and have objects only. The sidecar hands batches over ' +
    'under credits: forwarded as text, left as bytes (decoded lazily), or every event parsed.',
  cases: [
    {
      name: '200 B a line',
      payload: `${LINE_BYTES} B`,
      concurrency: 'flood',
      settings: { lineBytes: LINE_BYTES },
    },
  ],
  peers: [STOCK, NAIVE, ...Object.keys(TAIL_ROWS)],
  quickPeers: [STOCK, 'sidecar, every event parsed', 'sidecar, as text'],
  peerOf: Object.fromEntries(Object.keys(TAIL_ROWS).map((row) => [row, 'sidecar.call'])),
  metrics: tailMetrics,
  synthetic: true,
  seconds: { full: 20, quick: 4 },
  rounds: 5,
  sliceMs: SLICE_MS,
  measure,
};

async function measure(context: MeasureContext): Promise<Sample> {
  const session = await context.session({ synthetic: true });
  const form = TAIL_ROWS[context.peerName] ?? 'parsed';
  const lineBytes = setting(context.case, 'lineBytes');
  await checkTail(session, form, lineBytes);
  const lines = Math.round(((LINES[context.peerName] ?? OWN_LINES) * context.sliceMs) / SLICE_MS);
  const flood = await measureFlood(session, form, { linesPerSecond: 0, lines, lineBytes });
  deepStrictEqual({ delivered: flood.delivered, dropped: flood.dropped }, { delivered: lines, dropped: 0 });
  return flood.sample;
}
