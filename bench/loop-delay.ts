import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface LoopDelay {
  p99Ms: number;
  maxMs: number;
}

/** Watches how late the main thread's timers are, in a grid of 1 ms that is subtracted; `stop` says what was seen. */
export function watchLoopDelay(): { stop(): LoopDelay } {
  const resolutionMs = 1;
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  return {
    stop() {
      histogram.disable();
      const late = (nanos: number) => Math.max(0, nanos / 1e6 - resolutionMs);
      return { p99Ms: late(histogram.percentile(99)), maxMs: late(histogram.max) };
    },
  };
}
