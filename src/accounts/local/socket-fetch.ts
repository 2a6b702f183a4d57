import { once } from 'node:events';
import { type Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import type { Liveness } from './ownership.js';
import { CLOSING_HEADER } from './router.js';
import { MAX_HEADER_BYTES } from './socket-server.js';

/** Sends a request to an HTTP server on a unix socket. Connections are kept and used again. */
export async function fetchOverSocket(
  socketPath: string,
  request: Request,
  agent?: Agent,
): Promise<Response> {
  const url = new URL(request.url);
  const outgoing = httpRequest({
    socketPath,
    method: request.method,
    path: url.pathname + url.search,
    headers: Object.fromEntries(request.headers),
    maxHeaderSize: MAX_HEADER_BYTES,
    signal: request.signal,
    ...(agent && { agent }),
  });
  // Until the answer `answered` tells of errors, then its body does; one that comes late may not end the process.
  outgoing.on('error', ignore);
  // The same for its connection: a write that fails after an early answer finds no listener of Node's any more.
  outgoing.once('socket', (socket) => {
    if (!socket.listeners('error').includes(ignore)) socket.on('error', ignore);
  });
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  const sent = request.body
    ? pipeline(Readable.fromWeb(request.body as NodeReadableStream), outgoing)
    : Promise.resolve(outgoing.end());
  // An answer may come before all is sent; a body that cannot be sent ends the request, which `answered` reports.
  sent.catch(() => {});
  const [incoming] = await answered;
  return toResponse(incoming);
}

function ignore(): void {}

/** Whether the owner behind a socket lives and answers. */
export async function probeSocket(socketPath: string, timeoutMs: number): Promise<Liveness> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetchOverSocket(socketPath, new Request('http://local/local/ping', { signal }));
    await response.body?.cancel();
    return response.headers.has(CLOSING_HEADER) ? 'closing' : 'alive';
  } catch (error) {
    if (isRefused(error)) return 'gone';
    // Cut off in the middle: it is going away right now, and the next look will tell.
    return signal.aborted ? 'silent' : 'closing';
  }
}

/** Whether nobody listens on the socket: nothing was sent. */
export function isRefused(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ECONNREFUSED' || code === 'ENOENT';
}

function toResponse(incoming: IncomingMessage): Response {
  const status = incoming.statusCode ?? 500;
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  if (status === 204 || status === 304) {
    incoming.resume();
    return new Response(null, { status, headers });
  }
  return new Response(Readable.toWeb(incoming) as ReadableStream<Uint8Array>, { status, headers });
}
