import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { fetchOverSocket } from '../../../src/accounts/local/socket-fetch.js';
import { readAll, SocketHttp } from '../../../src/accounts/local/workerd/socket-http.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { until } from '../../support/until.js';

const folder = temporaryFolder();
const path = join(folder, 's');
/** Files by which the two processes wait for each other. */
const [got, go, closed] = ['got', 'go', 'closed'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
/** Takes the first bytes and no more. Once it may go on it answers and closes. */
const SERVER = `
  const { existsSync, writeFileSync } = require('node:fs');
  const answer = 'HTTP/1.1 413 Payload Too Large\\r\\nContent-Length: 9\\r\\n\\r\\ntoo large';
  require('node:net').createServer((socket) => {
    socket.on('error', () => {}).once('close', () => writeFileSync(${JSON.stringify(closed)}, ''));
    socket.once('data', () => {
      socket.pause();
      writeFileSync(${JSON.stringify(got)}, '');
      const timer = setInterval(() => {
        if (!existsSync(${JSON.stringify(go)})) return;
        clearInterval(timer);
        socket.write(answer, () => socket.destroy());
      }, 1);
    });
  }).listen(${JSON.stringify(path)}, () => console.log('ready'));`;

const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));

/** A body whose rest is written when the answer lies unread and nobody is there any more. */
async function* body(): AsyncGenerator<Uint8Array> {
  for (const file of [got, go, closed]) rmSync(file, { force: true });
  yield Buffer.alloc(1024, 'x');
  await until('the first bytes', () => existsSync(got));
  // From here on nothing is read, until the server is gone.
  writeFileSync(go, '');
  while (!existsSync(closed)) Atomics.wait(nobodyWakes, 0, 0, 1);
  yield Buffer.alloc(1024, 'x');
  yield Buffer.alloc(1024 * 1024, 'x');
}

test('the answer of a server that reads no further and closes arrives, whoever asks', async (t) => {
  const server = spawn(process.execPath, ['-e', SERVER], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => server.kill('SIGKILL'));
  await once(server.stdout, 'data');
  const http = new SocketHttp(path);
  t.after(() => http.close());
  for (let n = 0; n < 5; n++) {
    const head = { method: 'POST', path: '/', headers: { host: 'a' } };
    const message = await http.send({ ...head, body: Readable.from(body(), { objectMode: false }) });
    assert.deepEqual([message.statusCode, (await readAll(message)).toString()], [413, 'too large']);
    const request = new Request('http://a/', {
      method: 'POST',
      body: Readable.toWeb(Readable.from(body())),
      duplex: 'half',
    } as unknown as RequestInit);
    const response = await fetchOverSocket(path, request);
    assert.deepEqual([response.status, await response.text()], [413, 'too large']);
  }
});
