import { bytesText } from '../payload.js';
import { fewPeers, peers } from '../peers/index.js';
import type { Scenario } from '../scenario.js';
import { callMetrics, measureCalls } from './call-loop.js';

const KIB = 1024;

export const payloads: Scenario = {
  name: 'payloads',
  title: 'Larger payloads',
  about:
    '`system.ping` with structured payloads, a listing of small records, sent there and back. ' +
    'From 64 KiB on JSON itself is most of the work.',
  cases: [
    { bytes: KIB, inFlight: 256 },
    { bytes: 64 * KIB, inFlight: 16 },
    { bytes: KIB * KIB, inFlight: 4 },
  ].map(({ bytes, inFlight }) => ({
    name: `${bytesText(bytes)}, ${inFlight} in flight`,
    payload: bytesText(bytes),
    concurrency: inFlight,
    slow: bytes > KIB,
    settings: { bytes, inFlight },
  })),
  peers: peers.map((peer) => peer.name),
  quickPeers: fewPeers,
  metrics: callMetrics,
  seconds: { full: 38, quick: 3 },
  rounds: 3,
  sliceMs: 300,
  measure: measureCalls,
};
