import type { Goal } from './goals.js';

const STOCK = 'vscode-jsonrpc';
const NAIVE = 'worker + comlink, naive';
const CALL = 'sidecar.call';
const REMOTE = 'sidecar.remote.call';
/** 1 MB in MiB. */
const MB = 1e6 / 2 ** 20;

type Limit = { atLeast: number } | { atMost: number };

/** What the product sets out to reach on a machine of two cores. */
export const goalList: readonly Goal[] = [
  ...[256, 1000].flatMap((inFlight) => [
    calls(inFlight, CALL, STOCK, 7),
    calls(inFlight, CALL, NAIVE, 10),
    calls(inFlight, CALL, 'kkrpc', 3),
    calls(inFlight, CALL, 'floor: newline JSON', 0.9),
  ]),
  calls(16, CALL, STOCK, 2.5),
  calls(64, CALL, STOCK, 4.5),
  calls(256, REMOTE, STOCK, 4),
  calls(256, REMOTE, NAIVE, 6),
  {
    what: 'main-thread CPU a call, 256 in flight, of vscode-jsonrpc',
    ...ratio('calls', '256 in flight', CALL, 'mainCpuMicros', STOCK),
    atMost: 0.166,
  },
  ...['p50Micros', 'p99Micros'].map((metric) => ({
    what: `one call in flight, ${metric.slice(0, 3)} of vscode-jsonrpc`,
    ...ratio('latency', '1 in flight', CALL, metric, STOCK),
    atMost: 1,
  })),
  payload('1 KiB, 256 in flight', 2),
  payload('64 KiB, 16 in flight', 1.1),
  payload('1 MiB, 4 in flight', 1.2),
  ...['bytes', 'text'].map((form) => ({
    what: `8 MiB handed over as ${form}, longest stall`,
    ...plain('large-result', '8 MiB', `sidecar.callRaw, ${form}`, 'stallMs', 'ms', { atMost: 10 }),
  })),
  ...[
    ['totalMs', 'total time'],
    ['stallMs', 'longest stall'],
  ].map(([metric = '', text]) => ({
    what: `8 MiB parsed, ${text} of vscode-jsonrpc`,
    ...ratio('large-result', '8 MiB', CALL, metric, STOCK),
    atMost: 1,
  })),
  ...flood('sidecar, as text', 10, 0.025),
  ...flood('sidecar, decoded lazily', 10, 0.025),
  ...flood('sidecar, every event parsed', 8, 0.1),
  {
    what: 'ping p99 during 100,000 lines/s, of the idle p99',
    ...tailPing('pingP99Ms', 'x'),
    to: { metric: 'idlePingP99Ms' },
    atMost: 3,
  },
  {
    what: 'event-loop delay p99 during that, over idle',
    ...tailPing('loopDelayP99Ms', 'ms'),
    above: 'idleLoopDelayP99Ms',
    atMost: 1,
  },
  {
    what: 'a consumer of 8 µs a line, event-loop delay p99',
    ...plain('slow-consumer', '8 µs a line', CALL, 'loopDelayP99Ms', 'ms', { atMost: 10 }),
  },
  ...['8 µs a line', 'stops for 5 s'].flatMap((name) => [
    {
      what: `a consumer, ${name}: growth of any process`,
      ...plain('slow-consumer', name, CALL, 'rssGrowthMiB', 'MiB', { atMost: round(32 * MB) }),
    },
    {
      what: `a consumer, ${name}: lines unaccounted for`,
      ...plain('slow-consumer', name, CALL, 'unaccounted', '', { atMost: 0 }),
    },
  ]),
  {
    what: 'cold start to the first ping, of `node -e 0`',
    ...ratio('cold-start', 'first ping', CALL, 'readyMs', 'node -e 0'),
    atMost: 2,
  },
  wrangler('list buckets', 20),
  wrangler('deploy', 10),
  wrangler('first tail line', 10),
  deploy('1 Worker', 150),
  deploy('20 Workers', 250),
  ...['1 more', '4 more', '16 more'].flatMap((name) => [
    {
      what: `sidecars in one process, ${name}: the thread`,
      ...plain('memory', name, CALL, 'hostMiB', 'MiB', { atMost: round(14 * MB) }),
    },
    {
      what: `sidecars in one process, ${name}: the child over a bare Node`,
      ...plain('memory', name, CALL, 'childMiB', 'MiB', { atMost: round(25 * MB) }),
    },
  ]),
];

function calls(inFlight: number, row: string, to: string, atLeast: number): Goal {
  return {
    what: `${row}, ${inFlight} in flight, of ${to}`,
    ...ratio('calls', `${inFlight} in flight`, row, 'callsPerSecond', to),
    atLeast,
  };
}

function payload(name: string, atLeast: number): Goal {
  return {
    what: `payloads of ${name}, of ${STOCK}`,
    ...ratio('payloads', name, CALL, 'callsPerSecond', STOCK),
    atLeast,
  };
}

function flood(row: string, atLeast: number, atMost: number): Goal[] {
  const name = '200 B a line';
  return [
    {
      what: `flood, ${row}: lines/s of ${STOCK}`,
      ...ratio('tail-flood', name, row, 'linesPerSecond', STOCK),
      atLeast,
    },
    {
      what: `flood, ${row}: main-thread CPU a line of ${STOCK}`,
      ...ratio('tail-flood', name, row, 'mainCpuMicros', STOCK),
      atMost,
    },
  ];
}

function tailPing(metric: string, unit: string) {
  return { scenario: 'tail-ping', case: '100,000 lines/s', row: CALL, metric, unit };
}

function wrangler(task: string, atLeast: number): Goal {
  return {
    what: `${task}: how much faster than wrangler`,
    ...ratio('wrangler', task, 'wrangler', 'taskMs', CALL),
    atLeast,
  };
}

function deploy(name: string, atMost: number): Goal {
  return {
    what: `deploy on the local account, ${name} there, p50`,
    ...plain('deploy', name, CALL, 'p50Ms', 'ms', { atMost }),
  };
}

function ratio(scenario: string, measured: string, row: string, metric: string, to: string) {
  return { scenario, case: measured, row, metric, to: { row: to }, unit: 'x' };
}

function plain(scenario: string, name: string, row: string, metric: string, unit: string, limit: Limit) {
  return { scenario, case: name, row, metric, unit, ...limit };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
