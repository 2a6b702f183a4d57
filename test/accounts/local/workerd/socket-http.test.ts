import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readAll, SocketHttp } from '../../../../src/accounts/local/workerd/socket-http.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

const BODY = Buffer.alloc(300_000);

/** Answers each request as soon as its first bytes are there, and hangs up without reading the rest. */
async function hastyServer(context: TestContext): Promise<SocketHttp> {
  const socketPath = join(temporaryFolder(), 's');
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.pause();
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      setImmediate(() => socket.destroy());
    });
  });
  server.listen(socketPath);
  await once(server, 'listening');
  const http = new SocketHttp(socketPath);
  context.after(() => {
    http.close();
    server.close();
  });
  return http;
}

test('a peer that answers and hangs up before the body was read is no uncaught error', async (context) => {
  const http = await hastyServer(context);
  let answered = 0;
  for (let i = 0; i < 200; i++) {
    const headers = { 'content-length': BODY.length };
    const response = await http
      .send({ method: 'POST', path: '/', headers, body: BODY })
      .catch(() => undefined);
    if (response === undefined) continue; // The broken pipe was noticed first.
    assert.equal((await readAll(response)).toString(), 'ok');
    answered++;
  }
  assert.ok(answered > 0);
});
