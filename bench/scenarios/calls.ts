import { peers } from '../peers/index.js';
import type { Scenario } from '../scenario.js';
import { callMetrics, measureCalls } from './call-loop.js';

export const calls: Scenario = {
  name: 'calls',
  title: 'Calls of 64 bytes',
  about:
    '`system.ping` with a structured payload of 64 bytes that comes back unchanged. A fixed number of calls is ' +
    'in flight: each answered call is followed by the next at once. Main-thread CPU is the time the kernel ran the thread.',
  cases: [16, 64, 256, 1000].map((inFlight) => ({
    name: `${inFlight} in flight`,
    payload: '64 B',
    concurrency: inFlight,
    slow: inFlight !== 256,
    settings: { bytes: 64, inFlight },
  })),
  peers: peers.map((peer) => peer.name),
  metrics: callMetrics,
  seconds: { full: 46, quick: 7 },
  rounds: 5,
  sliceMs: 200,
  measure: measureCalls,
};
