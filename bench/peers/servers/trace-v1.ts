import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as passed } from 'node:timers/promises';
import { type WebSocket, WebSocketServer } from 'ws';
import { eventTexts, parseLoadName } from '../../tail-source.js';

const TAILS = /^\/client\/v4\/accounts\/[^/]+\/workers\/scripts\/([^/]+)\/tails(?:\/[^/]+)?$/;
/** How much may wait in the socket: a source that is faster than its reader waits for it. */
const MAX_BUFFERED_BYTES = 256 * 1024;

/** Plays the part of Cloudflare's API that a tail needs: POST and DELETE of it, and its `trace-v1` WebSocket, on loopback. */
const server = createServer((request, response) => {
  const name = TAILS.exec(request.url ?? '')?.[1];
  request.resume();
  response.setHeader('content-type', 'application/json');
  if (name === undefined || (request.method !== 'POST' && request.method !== 'DELETE')) {
    response.statusCode = 404;
    const errors = [{ code: 7003, message: `The bench plays no ${request.method} ${request.url}.` }];
    response.end(JSON.stringify({ success: false, errors, messages: [], result: null }));
    return;
  }
  const { port } = server.address() as AddressInfo;
  const expires_at = new Date(Date.now() + 3_600_000).toISOString();
  const result =
    request.method === 'POST' ? { id: name, url: `ws://127.0.0.1:${port}/${name}`, expires_at } : null;
  response.end(JSON.stringify({ success: true, errors: [], messages: [], result }));
});

const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'trace-v1' });
server.on('upgrade', (request, stream, head) => {
  sockets.handleUpgrade(request, stream, head, (socket) => {
    const { lines, lineBytes } = parseLoadName((request.url ?? '').slice(1));
    // The viewer's first message asks for the events.
    socket.once('message', () => void flood(socket, lines, eventTexts(lineBytes).map(Buffer.from)));
  });
});

async function flood(socket: WebSocket, lines: number, events: Buffer[]): Promise<void> {
  for (let sent = 0; sent < lines && socket.readyState === socket.OPEN; sent++) {
    socket.send(events[sent % events.length] as Buffer, { binary: false });
    while (socket.bufferedAmount > MAX_BUFFERED_BYTES) await passed(1);
  }
}

server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
process.stdin.on('end', () => process.exit(0)).resume();
