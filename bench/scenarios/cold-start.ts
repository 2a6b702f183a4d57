import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { builtFolder } from '../peers/child.js';
import type { ProbeReport } from '../probes/probe.js';
import type { MeasureContext, Sample, Scenario } from '../scenario.js';

const BARE = 'node -e 0';
/** What each row starts, in an app that has the package installed. */
const PROBES: Record<string, string> = {
  'vscode-jsonrpc': 'stock',
  'part: Node in the child': 'node',
  'part: the thread': 'thread',
  'part: the CLI alone': 'cli',
  'sidecar.call': 'sidecar',
};
const run = promisify(execFile);

export const coldStart: Scenario = {
  name: 'cold-start',
  title: 'Cold start',
  about:
    'From `start()` to the first answered ping, of the package as npm installs it, in a process that does nothing else and is new for ' +
    `every run; loading the library comes before it and is shown beside it. \`${BARE}\` is a whole process from spawn to ` +
    'exit; the stock peer has a child that does nothing but echo. The parts are measured by themselves: a child Node that writes a ' +
    "byte; piscina's thread with the worker's bundle until it answers; the real CLI driven by stock vscode-jsonrpc until its first " +
    'ping, which includes the Node in it. In a sidecar the CLI is spawned by the thread once that runs.',
  cases: [{ name: 'first ping', payload: 'none', concurrency: 1, settings: {} }],
  peers: [BARE, ...Object.keys(PROBES)],
  metrics: [
    { key: 'readyMs', label: 'ready after ms', better: 'lower', digits: 1, plot: true },
    { key: 'importMs', label: 'import before it ms', better: 'lower', digits: 1 },
    { key: 'startMs', label: 'start() ms', better: 'lower', digits: 1 },
    { key: 'pingMs', label: 'first ping ms', better: 'lower', digits: 1 },
  ],
  seconds: { full: 16, quick: 5 },
  rounds: 10,
  quickRounds: 3,
  warmUp: false,
  sliceMs: 0,
  measure,
};

async function measure({ peerName }: MeasureContext): Promise<Sample> {
  const probe = PROBES[peerName];
  if (probe === undefined) {
    const startedAt = performance.now();
    await run(process.execPath, ['-e', '0']);
    return { readyMs: performance.now() - startedAt };
  }
  const { stdout } = await run(process.execPath, [join(builtFolder(), 'probes', `${probe}.js`)]);
  const { importMs, startMs, pingMs } = JSON.parse(stdout) as ProbeReport;
  return { readyMs: startMs + pingMs, importMs, startMs, pingMs };
}
