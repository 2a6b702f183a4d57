import { deepStrictEqual } from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { PeerSession, TailConsumer, TailHandle, TailLoad } from '../peer.js';
import { endChild, pipes, spawnServer } from '../peers/child.js';
import { sidecarCall } from '../peers/sidecar.js';
import type { MeasureContext, Sample, Scenario } from '../scenario.js';
import { setting } from '../scenario.js';
import { loadName } from '../tail-source.js';
import { measureFlood, TAIL_ROWS, tailMetrics } from './tail-rows.js';

const LINE_BYTES = 200;
const SLICE_MS = 800;
const DIRECT = 'WebSocket on the main thread';

export const cloudTail: Scenario = {
  name: 'cloud-tail',
  title: "A flood of log lines from Cloudflare's side",
  about:
    'The real CLI with a cloud account whose base URL is a server on loopback: it answers the opening of a tail and then sends ' +
    'events of 200 bytes, one `trace-v1` WebSocket message each, as fast as they are taken. The reference is an app that opens ' +
    'that WebSocket on its own main thread and parses every event. Delivered and dropped lines must add up to what was sent.',
  cases: [
    {
      name: '200 B a line',
      payload: `${LINE_BYTES} B`,
      concurrency: 'flood',
      settings: { lineBytes: LINE_BYTES, lines: 100_000 },
    },
  ],
  quickPeers: [DIRECT, 'sidecar, as text'],
  peers: [DIRECT, ...Object.keys(TAIL_ROWS)],
  metrics: [...tailMetrics, { key: 'droppedPercent', label: 'dropped %', better: 'lower', digits: 1 }],
  seconds: { full: 12, quick: 3 },
  rounds: 3,
  quickRounds: 1,
  sliceMs: SLICE_MS,
  measure,
};

async function measure({ peerName, case: measured, sliceMs, keep }: MeasureContext): Promise<Sample> {
  const session = await keep(() => open(peerName));
  const lines = Math.round((setting(measured, 'lines') * sliceMs) / SLICE_MS);
  const load = { linesPerSecond: 0, lines, lineBytes: setting(measured, 'lineBytes') };
  const { delivered, dropped, sample } = await measureFlood(session, TAIL_ROWS[peerName] ?? 'parsed', load);
  deepStrictEqual({ accounted: delivered + dropped }, { accounted: lines });
  return { ...sample, droppedPercent: (dropped / lines) * 100 };
}

async function open(row: string): Promise<PeerSession> {
  const server = spawnServer('trace-v1');
  const [port] = await once(pipes(server).stdout, 'data');
  const baseUrl = `http://127.0.0.1:${String(port).trim()}/client/v4`;
  const session = row === DIRECT ? direct(baseUrl) : await sidecarCall.start({ cloud: baseUrl });
  return { ...session, close: () => closeBoth(session, server) };
}

async function closeBoth(session: PeerSession, server: ChildProcess): Promise<void> {
  await session.close();
  await endChild(server);
}

/** What an app without a sidecar would write. */
function direct(baseUrl: string): PeerSession {
  return {
    call: () => Promise.reject(new Error('There is nobody to call.')),
    tail: (load, _form, onLines) => tailDirectly(baseUrl, load, onLines),
    close: () => Promise.resolve(),
  };
}

async function tailDirectly(baseUrl: string, load: TailLoad, onLines: TailConsumer): Promise<TailHandle> {
  const path = `/accounts/${'0'.repeat(32)}/workers/scripts/${loadName(load)}/tails`;
  const answer = await fetch(baseUrl + path, { method: 'POST', body: '{}' });
  const { result } = (await answer.json()) as { result: { url: string } };
  const socket = new WebSocket(result.url, 'trace-v1', { perMessageDeflate: false });
  socket.on('message', (data) => {
    const event: unknown = JSON.parse(String(data));
    void onLines({ lines: 1, sample: () => event });
  });
  await once(socket, 'open');
  const ended = once(socket, 'close').then(() => undefined);
  socket.send(JSON.stringify({ debug: false }));
  return {
    ended,
    dropped: () => 0,
    async stop() {
      socket.terminate();
      await ended;
    },
  };
}
