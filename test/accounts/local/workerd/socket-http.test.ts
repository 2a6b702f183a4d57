import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { after, exactly } from '../../../../src/accounts/local/workerd/r2-storage.js';
import { fromWeb, readAll, SocketHttp, toWeb } from '../../../../src/accounts/local/workerd/socket-http.js';
import { limited } from '../../../../src/accounts/local/workerd/storage-request.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';
import { within } from '../../../support/until.js';

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

/** What passes a body on, over a source of its own. */
const PASSERS: Record<string, (source: Readable) => Readable> = {
  limited: (source) => limited(source, 1e9, () => new Error('too large')),
  exactly: (source) => exactly(source, 1e9, 'key'),
  after: (source) => after(Buffer.from('first'), source),
  'one in another': (source) => after(Buffer.from('first'), exactly(source, 1e9, 'key')),
  'as a web stream and back': (source) => fromWeb(toWeb(source)),
};

test('a body that is dropped ends its source, whether anything of it was read or not', async () => {
  for (const [what, pass] of Object.entries(PASSERS)) {
    for (const isRead of [false, true]) {
      const source = new Readable({ read: () => source.push(Buffer.alloc(1000)) as never });
      const closed = new Promise<void>((resolve) => source.once('close', resolve));
      const body = pass(source);
      if (isRead) await once(body, 'readable').then(() => body.read());
      body.destroy();
      await within(`the end of the source: ${what}, ${isRead ? 'read' : 'unread'}`, closed);
    }
  }
});
