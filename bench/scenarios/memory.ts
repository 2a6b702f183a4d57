import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { processTree, rssBytes } from '../measure.js';
import type { PeerSession } from '../peer.js';
import { type MeasureContext, type Sample, type Scenario, setting } from '../scenario.js';
import { checkAnswer } from './call-loop.js';

const MIB = 2 ** 20;
let bareNodeBytes: Promise<number> | undefined;

export const memory: Scenario = {
  name: 'memory',
  title: 'Several sidecars in one process',
  about:
    'One session runs; then 1, 4 or 16 more are started at once, each answers a ping, and what they added is divided by ' +
    'their number. For the sidecar the growth of the host is its worker thread. A child is shown over the resident memory of ' +
    'a Node process that does nothing.',
  cases: [1, 4, 16].map((added) => ({
    name: `${added} more`,
    payload: 'none',
    concurrency: added,
    slow: added > 1,
    settings: { added },
  })),
  peers: ['worker + comlink, naive', 'vscode-jsonrpc', 'sidecar.call'],
  metrics: [
    { key: 'hostMiB', label: 'host MiB each', better: 'lower', digits: 1, plot: true },
    { key: 'childMiB', label: 'child MiB over bare Node', better: 'lower', digits: 1 },
    { key: 'startMs', label: 'start ms each', better: 'lower', digits: 1 },
  ],
  seconds: { full: 14, quick: 2 },
  rounds: 3,
  quickRounds: 1,
  sliceMs: 0,
  warmUp: false,
  measure,
};

async function measure(context: MeasureContext): Promise<Sample> {
  bareNodeBytes ??= measureBareNode();
  const bare = await bareNodeBytes;
  const added = setting(context.case, 'added');
  const sessions = [await startAndPing(context)];
  try {
    const before = { host: rssBytes(process.pid), children: new Set(processTree(process.pid)) };
    const startedAt = performance.now();
    sessions.push(...(await Promise.all(Array.from({ length: added }, () => startAndPing(context)))));
    const startMs = (performance.now() - startedAt) / added;
    const children = processTree(process.pid).filter((pid) => !before.children.has(pid));
    const childBytes = children.reduce((sum, pid) => sum + rssBytes(pid), 0) / added;
    return {
      hostMiB: (rssBytes(process.pid) - before.host) / added / MIB,
      childMiB: (childBytes - bare) / MIB,
      startMs,
    };
  } finally {
    await Promise.all(sessions.map((session) => session.close()));
  }
}

async function startAndPing({ peer }: MeasureContext): Promise<PeerSession> {
  const session = await peer.start();
  checkAnswer(await session.call('system.ping', { payload: 'memory' }), 'memory');
  return session;
}

/** A Node that has started and waits. */
async function measureBareNode(): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume(); process.stdout.write("up")'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const bytes = rssBytes(child.pid ?? 0);
  child.stdin.end();
  await once(child, 'exit');
  return bytes;
}
