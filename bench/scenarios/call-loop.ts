import { deepStrictEqual } from 'node:assert/strict';
import { mainThreadCpuMicros, treeCpuMicros } from '../measure.js';
import { structuredPayload } from '../payload.js';
import { type MeasureContext, type Metric, type Sample, setting } from '../scenario.js';
import { percentile } from '../stats.js';

export const callMetrics: readonly Metric[] = [
  { key: 'callsPerSecond', label: 'calls/s', better: 'higher', plot: true },
  { key: 'p50Micros', label: 'p50 µs', better: 'lower' },
  { key: 'p99Micros', label: 'p99 µs', better: 'lower' },
  { key: 'mainCpuMicros', label: 'main-thread CPU µs/call', better: 'lower', digits: 2 },
  { key: 'treeCpuMicros', label: 'CPU of all processes µs/call', better: 'lower', digits: 2 },
];

/** Keeps so many pings in flight for the length of a slice, each answered one followed by the next. */
export async function measureCalls(context: MeasureContext): Promise<Sample> {
  const session = await context.session();
  const params = { payload: structuredPayload(setting(context.case, 'bytes')) };
  checkAnswer(await session.call('system.ping', params), params.payload);

  const latencies: number[] = [];
  const cpuBefore = { main: mainThreadCpuMicros(), tree: treeCpuMicros() };
  const startedAt = performance.now();
  const end = startedAt + context.sliceMs;
  let last: unknown;
  const lane = async () => {
    for (let sentAt = performance.now(); sentAt < end; ) {
      last = await session.call('system.ping', params);
      const answeredAt = performance.now();
      latencies.push(answeredAt - sentAt);
      sentAt = answeredAt;
    }
  };
  await Promise.all(Array.from({ length: setting(context.case, 'inFlight') }, lane));
  const elapsedMs = performance.now() - startedAt;
  const mainMicros = mainThreadCpuMicros() - cpuBefore.main;
  const treeMicros = treeCpuMicros() - cpuBefore.tree;
  checkAnswer(last, params.payload);
  return {
    callsPerSecond: (latencies.length / elapsedMs) * 1000,
    p50Micros: percentile(latencies, 50) * 1000,
    p99Micros: percentile(latencies, 99) * 1000,
    mainCpuMicros: mainMicros / latencies.length,
    treeCpuMicros: treeMicros / latencies.length,
  };
}

export function checkAnswer(answer: unknown, payload: unknown): void {
  const { pong, timestamp, payload: echoed } = answer as Record<string, unknown>;
  deepStrictEqual(
    { pong, timestamp: typeof timestamp, echoed },
    { pong: true, timestamp: 'number', echoed: payload },
  );
}
