import { fewPeers, peers } from '../peers/index.js';
import type { Scenario } from '../scenario.js';
import { callMetrics, measureCalls } from './call-loop.js';

export const latency: Scenario = {
  name: 'latency',
  title: 'One call at a time',
  about:
    '`system.ping` with 64 bytes, the next call sent when the last was answered: what a click in a user interface waits for.',
  cases: [
    {
      name: '1 in flight',
      payload: '64 B',
      concurrency: 1,
      settings: { bytes: 64, inFlight: 1 },
    },
  ],
  peers: peers.map((peer) => peer.name),
  quickPeers: fewPeers,
  metrics: callMetrics.map((metric) => ({
    ...metric,
    plot: metric.key === 'p50Micros' || metric.key === 'p99Micros',
  })),
  seconds: { full: 16, quick: 3 },
  rounds: 5,
  sliceMs: 300,
  measure: measureCalls,
};
