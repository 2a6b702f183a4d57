import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Deadline } from '../../src/cloudflare/deadline.js';
import { guardedStream } from '../../src/cloudflare/response-body.js';
import { within } from '../support/until.js';

/** How far a consumer reads a value before it leaves. */
const READS: Record<string, (body: ReadableStream<Uint8Array>) => Promise<void>> = {
  'before it reads': (body) => body.cancel(),
  'after a chunk': async (body) => {
    const reader = body.getReader();
    await reader.read();
    await reader.cancel();
  },
  'while it waits': async (body) => {
    const reader = body.getReader();
    const rest = (async () => {
      while (!(await reader.read()).done);
    })();
    await reader.cancel();
    await rest;
  },
  'out of a loop': async (body) => {
    for await (const _ of body) break;
  },
};

test('a value that nobody reads on is let go of down to its socket, wherever its consumer leaves', async (t) => {
  const answers: ServerResponse[] = [];
  const server = createServer((_, response) => {
    answers.push(response);
    // It never ends by itself.
    response.write('x'.repeat(1000));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  for (const [what, leave] of Object.entries(READS)) {
    const deadline = new Deadline(60_000, new AbortController().signal);
    const { port } = server.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: deadline.signal });
    const closed = within('its end', once(answers.at(-1) as ServerResponse, 'close'));
    await leave(guardedStream(response, deadline, 60_000).body as ReadableStream<Uint8Array>);
    await assert.doesNotReject(closed, what);
  }
});
