import { setTimeout as passed } from 'node:timers/promises';
import { watchLoopDelay } from '../loop-delay.js';
import type { PeerSession } from '../peer.js';
import type { MeasureContext, Sample, Scenario } from '../scenario.js';
import { setting } from '../scenario.js';
import { percentile } from '../stats.js';
import { checkAnswer } from './call-loop.js';
import { checkTail, tailOf } from './tail-check.js';

const PING_EVERY_MS = 2;

export const tailPing: Scenario = {
  name: 'tail-ping',
  title: 'A ping while a tail runs at 100,000 lines a second',
  about:
    'A ping every 2 ms, first on an idle connection, then while a log source emits 100,000 events of 200 bytes a second ' +
    'and every one is forwarded as text (the peers have objects). The source waits for nobody, as a busy Worker would not. ' +
    'A ping that is unanswered at the end counts with the time it has waited. Each round has a fresh child.',
  cases: [
    {
      name: '100,000 lines/s',
      payload: '200 B a line',
      concurrency: '100,000 lines/s',
      settings: { linesPerSecond: 100_000, lineBytes: 200 },
    },
  ],
  peers: ['vscode-jsonrpc', 'worker + comlink, naive', 'sidecar.call'],
  quickPeers: ['vscode-jsonrpc', 'sidecar.call'],
  metrics: [
    { key: 'pingP99Ms', label: 'ping p99 ms', better: 'lower', digits: 2, plot: true },
    { key: 'idlePingP99Ms', label: 'idle', better: 'lower', digits: 2 },
    { key: 'pingP50Ms', label: 'ping p50 ms', better: 'lower', digits: 2 },
    { key: 'idlePingP50Ms', label: 'idle', better: 'lower', digits: 2 },
    { key: 'loopDelayP99Ms', label: 'loop delay p99 ms', better: 'lower', digits: 2, plot: true },
    { key: 'idleLoopDelayP99Ms', label: 'idle', better: 'lower', digits: 2 },
    { key: 'linesPerSecond', label: 'lines/s', better: 'higher' },
    { key: 'dropped', label: 'dropped', better: 'lower' },
  ],
  synthetic: true,
  seconds: { full: 26, quick: 5 },
  rounds: 3,
  quickRounds: 1,
  warmUp: false,
  sliceMs: 1200,
  measure,
};

async function measure(context: MeasureContext): Promise<Sample> {
  const session = await context.peer.start({ synthetic: true });
  try {
    const lineBytes = setting(context.case, 'lineBytes');
    await checkTail(session, 'text', lineBytes);
    await pings(session, context.sliceMs / 4);
    const idle = await pings(session, context.sliceMs);
    let lines = 0;
    const load = { linesPerSecond: setting(context.case, 'linesPerSecond'), lines: 0, lineBytes };
    const handle = await tailOf(session)(load, 'text', (delivered) => {
      lines += delivered.lines;
      return undefined;
    });
    const startedAt = performance.now();
    const busy = await pings(session, context.sliceMs);
    const linesPerSecond = (lines / (performance.now() - startedAt)) * 1000;
    return {
      pingP99Ms: busy.p99Ms,
      idlePingP99Ms: idle.p99Ms,
      pingP50Ms: busy.p50Ms,
      idlePingP50Ms: idle.p50Ms,
      loopDelayP99Ms: busy.loopDelayP99Ms,
      idleLoopDelayP99Ms: idle.loopDelayP99Ms,
      linesPerSecond,
      dropped: handle.dropped(),
    };
  } finally {
    await session.close();
  }
}

/** Sends a ping every so often, whether or not the last was answered. */
async function pings(session: PeerSession, forMs: number) {
  const waits: number[] = [];
  const unanswered = new Set<number>();
  const delay = watchLoopDelay();
  const end = performance.now() + forMs;
  while (performance.now() < end) {
    const sentAt = performance.now();
    unanswered.add(sentAt);
    session.call('system.ping', { payload: 1 }).then(
      (answer) => {
        checkAnswer(answer, 1);
        if (unanswered.delete(sentAt)) waits.push(performance.now() - sentAt);
      },
      // The session is closed with calls of a stalled peer still in flight.
      () => {},
    );
    await passed(PING_EVERY_MS);
  }
  for (const sentAt of unanswered) waits.push(performance.now() - sentAt);
  unanswered.clear();
  return {
    p50Ms: percentile(waits, 50),
    p99Ms: percentile(waits, 99),
    loopDelayP99Ms: delay.stop().p99Ms,
  };
}
