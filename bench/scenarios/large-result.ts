import { strictEqual } from 'node:assert/strict';
import { watchLoopDelay } from '../loop-delay.js';
import { mainThreadCpuMicros } from '../measure.js';
import { largeText } from '../payload.js';
import type { PeerSession, RawAnswer } from '../peer.js';
import { type MeasureContext, type Sample, type Scenario, setting } from '../scenario.js';
import { median } from '../stats.js';

const BYTES = 8 * 2 ** 20;

/** What is made of a result that was handed over unparsed, by row: the row's figures include it. */
const RAW: Record<string, (answer: RawAnswer) => unknown> = {
  'sidecar.callRaw, bytes': ({ bytes }) => bytes,
  'sidecar.callRaw, text': (answer) => answer.text(),
  'sidecar.callRaw, json()': (answer) => answer.json(),
};

export const largeResult: Scenario = {
  name: 'large-result',
  title: 'A result of 8 MiB',
  about:
    '`dashboard.invokeWorker` of a Worker whose body is 8 MiB of JSON text, one call after the other: a small request, a large ' +
    'result. The stall is the longest time the main thread kept its timers waiting. `sidecar.callRaw` hands the result over ' +
    'as bytes, which the main thread leaves alone, turns into text, or parses after all.',
  cases: [{ name: '8 MiB', payload: '8 MiB', concurrency: 1, settings: { bytes: BYTES } }],
  peers: ['vscode-jsonrpc', 'worker + comlink, naive', 'sidecar.call', ...Object.keys(RAW)],
  quickPeers: ['vscode-jsonrpc', 'sidecar.call', 'sidecar.callRaw, text'],
  peerOf: Object.fromEntries(Object.keys(RAW).map((row) => [row, 'sidecar.call'])),
  metrics: [
    { key: 'totalMs', label: 'ms a call', better: 'lower', digits: 1, plot: true },
    { key: 'stallMs', label: 'longest stall ms', better: 'lower', digits: 1, plot: true },
    { key: 'mainCpuMs', label: 'main-thread CPU ms/call', better: 'lower', digits: 1 },
  ],
  synthetic: true,
  seconds: { full: 20, quick: 4 },
  rounds: 5,
  sliceMs: 600,
  measure,
};

async function measure(context: MeasureContext): Promise<Sample> {
  const session = await context.session({ synthetic: true });
  const bytes = setting(context.case, 'bytes');
  const params = { name: `bench-${bytes}` };
  const call = caller(session, context.peerName, params);
  await check(call, largeText(bytes));
  const times: number[] = [];
  const cpuBefore = mainThreadCpuMicros();
  const delay = watchLoopDelay();
  const end = performance.now() + context.sliceMs;
  do {
    const sentAt = performance.now();
    sizeOf(await call(), bytes);
    times.push(performance.now() - sentAt);
  } while (performance.now() < end);
  return {
    totalMs: median(times),
    stallMs: delay.stop().maxMs,
    mainCpuMs: (mainThreadCpuMicros() - cpuBefore) / 1000 / times.length,
  };
}

function caller(session: PeerSession, row: string, params: object): () => Promise<unknown> {
  const take = RAW[row];
  const { callRaw } = session;
  if (!take) return () => session.call('dashboard.invokeWorker', params);
  if (!callRaw) throw new Error('This peer hands nothing over unparsed.');
  return async () => take(await callRaw('dashboard.invokeWorker', params));
}

/** Before a figure: whatever form it comes in, the body is what the Worker answered. */
async function check(call: () => Promise<unknown>, expected: string): Promise<void> {
  const answer = await call();
  const text = answer instanceof Uint8Array ? Buffer.from(answer).toString() : answer;
  const { body } = (typeof text === 'string' ? JSON.parse(text) : text) as { body: string };
  strictEqual(body === expected, true, 'the body must come back as it was');
}

/** Each answer is at least as long as its body. */
function sizeOf(answer: unknown, bytes: number): void {
  const length = (answer as { length?: number }).length ?? (answer as { body: string }).body.length;
  strictEqual(length >= bytes, true, `an answer of ${length}`);
}
