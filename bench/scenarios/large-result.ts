import { strictEqual } from 'node:assert/strict';
import { watchLoopDelay } from '../loop-delay.js';
import { mainThreadCpuMicros } from '../measure.js';
import { largeText } from '../payload.js';
import { type MeasureContext, type Sample, type Scenario, setting } from '../scenario.js';
import { median } from '../stats.js';

const BYTES = 8 * 2 ** 20;

export const largeResult: Scenario = {
  name: 'large-result',
  title: 'A result of 8 MiB',
  about:
    '`dashboard.invokeWorker` of a Worker whose body is 8 MiB of JSON text, one call after the other: a small request, a large ' +
    'result. The stall is the longest time the main thread kept its timers waiting.',
  cases: [{ name: '8 MiB', payload: '8 MiB', concurrency: 1, settings: { bytes: BYTES } }],
  peers: ['vscode-jsonrpc', 'worker + comlink, naive', 'sidecar.call'],
  metrics: [
    { key: 'totalMs', label: 'ms a call', better: 'lower', digits: 1, plot: true },
    { key: 'stallMs', label: 'longest stall ms', better: 'lower', digits: 1, plot: true },
    { key: 'mainCpuMs', label: 'main-thread CPU ms/call', better: 'lower', digits: 1 },
  ],
  synthetic: true,
  rounds: 5,
  sliceMs: 600,
  measure,
};

async function measure(context: MeasureContext): Promise<Sample> {
  const session = await context.session({ synthetic: true });
  const bytes = setting(context.case, 'bytes');
  const expected = largeText(bytes);
  const call = async () => {
    const result = await session.call('dashboard.invokeWorker', { name: `bench-${bytes}` });
    return (result as { body: string }).body;
  };
  strictEqual((await call()) === expected, true, 'the body must come back as it was');
  const times: number[] = [];
  const cpuBefore = mainThreadCpuMicros();
  const delay = watchLoopDelay();
  const end = performance.now() + context.sliceMs;
  do {
    const sentAt = performance.now();
    strictEqual((await call()).length, expected.length);
    times.push(performance.now() - sentAt);
  } while (performance.now() < end);
  return {
    totalMs: median(times),
    stallMs: delay.stop().maxMs,
    mainCpuMs: (mainThreadCpuMicros() - cpuBefore) / 1000 / times.length,
  };
}
