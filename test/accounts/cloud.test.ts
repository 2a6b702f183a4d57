import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type WebSocket, WebSocketServer } from 'ws';
import { openCloudAccount } from '../../src/accounts/cloud.js';
import { collect, never, until } from './local/fixture.js';

const ID = 'ab'.repeat(16);

/** Cloudflare's tail API on loopback: POST and DELETE of tails, and the WebSocket behind them. */
async function fakeCloudflare(t: TestContext, expiresInMs = 3_600_000) {
  const calls: { method?: string; url?: string; body?: unknown; authorization?: string }[] = [];
  const sockets: { socket: WebSocket; request: IncomingMessage }[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { method, url, headers } = request;
    calls.push({ method, url, body: body && JSON.parse(body), authorization: headers.authorization });
    const address = server.address() as AddressInfo;
    const result =
      method === 'POST'
        ? {
            id: 'tail-1',
            url: `ws://127.0.0.1:${address.port}/tail-1`,
            expires_at: new Date(Date.now() + expiresInMs).toISOString(),
          }
        : null;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ success: true, errors: [], messages: [], result }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const webSockets = new WebSocketServer({ server });
  webSockets.on('connection', (socket, request) => sockets.push({ socket, request }));
  t.after(() => {
    for (const { socket } of sockets) socket.terminate();
    server.closeAllConnections();
    server.close();
  });
  const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/client/v4`;
  const credentials = { apiToken: 'secret', source: 'test' };
  const account = await openCloudAccount({ credentials, accountId: ID, baseURL, log: () => {} });
  t.after(() => account.close());
  return { account, calls, sockets };
}

const event = (n: number) =>
  JSON.stringify({ scriptName: 'w', outcome: 'ok', logs: [], exceptions: [], event: null, n });

test('a tail is created with its filters, streams its events, and is deleted when it is closed', async (t) => {
  const { account, calls, sockets } = await fakeCloudflare(t);
  const sink = collect();
  const tail = await account.openTail(
    {
      workerName: 'w',
      status: ['error'],
      method: ['post'],
      search: 'x',
      headers: [{ key: 'h', query: 'v' }],
    },
    sink,
    never(),
  );
  assert.equal(calls[0]?.url, `/client/v4/accounts/${ID}/workers/scripts/w/tails`);
  assert.equal(calls[0]?.authorization, 'Bearer secret');
  assert.deepEqual(calls[0]?.body, {
    filters: [
      { outcome: ['exception', 'exceededCpu', 'exceededMemory', 'unknown'] },
      { method: ['POST'] },
      { header: { key: 'h', query: 'v' } },
      { query: 'x' },
    ],
  });
  const [{ socket, request }] = sockets as [(typeof sockets)[0]];
  assert.equal(request.headers['sec-websocket-protocol'], 'trace-v1');
  for (let n = 0; n < 3; n += 1) socket.send(Buffer.from(event(n)));
  await until(() => sink.events.length === 3, 'three events');
  await tail.close();
  await tail.close();
  const deletions = calls.filter(({ method }) => method === 'DELETE');
  assert.deepEqual(
    deletions.map(({ url }) => url),
    [`/client/v4/accounts/${ID}/workers/scripts/w/tails/tail-1`],
  );
  assert.deepEqual(sink.ended, []);
});

test('a socket that closes ends the tail with an error, once, and the tail is deleted', async (t) => {
  const { account, calls, sockets } = await fakeCloudflare(t);
  const sink = collect();
  await account.openTail({ workerName: 'w' }, sink, never());
  sockets[0]?.socket.close(1011);
  await until(() => sink.ended.length > 0, 'the end');
  assert.equal(sink.ended[0]?.[0], 'error');
  assert.equal(sink.ended[0]?.[1]?.code, 'connection-lost');
  await until(() => calls.some(({ method }) => method === 'DELETE'), 'the deletion');
  assert.equal(sink.ended.length, 1);
});

test('a session that expires ends as expired', async (t) => {
  const { account } = await fakeCloudflare(t, 50);
  const sink = collect();
  await account.openTail({ workerName: 'w' }, sink, never());
  await until(() => sink.ended.length > 0, 'the end');
  assert.deepEqual(sink.ended, [['expired']]);
});

test('a tail whose socket cannot be opened is deleted again and refused', async (t) => {
  const { account, calls } = await fakeCloudflare(t);
  const sink = collect();
  const aborter = new AbortController();
  aborter.abort();
  await assert.rejects(account.openTail({ workerName: 'w' }, sink, aborter.signal), { code: 'cancelled' });
  assert.deepEqual(calls, []);
});

test('closing the account deletes its tails', async (t) => {
  const { account, calls } = await fakeCloudflare(t);
  await account.openTail({ workerName: 'w' }, collect(), never());
  await account.close();
  await account.close();
  assert.equal(calls.filter(({ method }) => method === 'DELETE').length, 1);
});
