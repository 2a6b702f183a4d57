import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { type WebSocket, WebSocketServer } from 'ws';
import { openCloudAccount } from '../../src/accounts/cloud.js';
import type { TailTiming } from '../../src/accounts/cloud-tail.js';
import type { PoliteLimits } from '../../src/cloudflare/polite-fetch.js';

export const ACCOUNT_ID = 'ab'.repeat(16);
/** Must never be seen in an error, a log line or a debug line. */
export const CANARY = 'canary-token-0123456789abcdef';

export interface Call {
  method: string;
  /** Path and query behind `/client/v4`. */
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

export type Answer = (response: ServerResponse, call: Call) => void;

export function ok(result: unknown): Answer {
  return json({ success: true, errors: [], messages: [], result });
}

export function json(value: unknown, status = 200, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(value));
  };
}

export function failed(
  status: number,
  code: number,
  headers?: Record<string, string>,
  message = 'no',
): Answer {
  return json({ success: false, errors: [{ code, message }], messages: [], result: null }, status, headers);
}

export interface CloudServer {
  readonly baseURL: string;
  readonly calls: Call[];
  readonly sockets: { socket: WebSocket; request: IncomingMessage }[];
  /** Answers every request; settable at any time. */
  answer: (call: Call) => Answer;
  /** Whether a WebSocket is let in; settable. */
  acceptSockets: boolean;
}

/** Cloudflare's API on loopback, with whatever it is told to answer. */
export async function cloudServer(t: TestContext, answer: (call: Call) => Answer): Promise<CloudServer> {
  const server = createServer(async (request, response) => {
    let body = '';
    request.setEncoding('latin1');
    for await (const chunk of request) body += chunk;
    const url = (request.url ?? '').replace('/client/v4', '');
    const call = { method: request.method ?? '', url, headers: request.headers, body };
    fake.calls.push(call);
    fake.answer(call)(response, call);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const webSockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    if (!fake.acceptSockets) {
      // Whoever asked may be gone by now.
      socket.on('error', () => {}).end('HTTP/1.1 503 Service Unavailable\r\n\r\n');
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) =>
      fake.sockets.push({ socket: webSocket, request }),
    );
  });
  const fake: CloudServer = {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/client/v4`,
    calls: [],
    sockets: [],
    answer,
    acceptSockets: true,
  };
  t.after(() => {
    for (const { socket } of fake.sockets) socket.terminate();
    server.closeAllConnections();
    server.close();
  });
  return fake;
}

export interface CloudOptions {
  limits?: Partial<PoliteLimits>;
  tailTiming?: Partial<TailTiming>;
}

/** The cloud account on such a server, and every line it logs. */
export async function cloudAccount(t: TestContext, { baseURL }: CloudServer, options: CloudOptions = {}) {
  const log: string[] = [];
  const account = await openCloudAccount({
    credentials: { apiToken: CANARY, source: 'test' },
    accountId: ACCOUNT_ID,
    baseURL,
    log: (line) => log.push(line),
    ...options,
  });
  t.after(() => account.close());
  return { account, log };
}

/** Answers POST and DELETE of tails; each tail lives for as long as `livesMs` says. */
export function tailAnswers(fake: () => CloudServer, livesMs: () => number = () => 3_600_000) {
  let created = 0;
  return ({ method }: Call): Answer => {
    if (method !== 'POST') return ok(null);
    created += 1;
    return ok({
      id: `tail-${created}`,
      url: `${fake().baseURL.replace('http', 'ws')}/tail-${created}`,
      expires_at: new Date(Date.now() + livesMs()).toISOString(),
    });
  };
}
