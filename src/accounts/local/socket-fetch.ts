import { once } from 'node:events';
import { type Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { isAbsolute } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { keepReading } from './keep-reading.js';
import { MAX_HEADER_BYTES } from './socket-server.js';

export interface SocketFetchOptions {
  /** Keeps connections and uses them again. */
  agent?: Agent;
  /** Called when the server has said that it carries the request out, which ours does before it begins. */
  onAccepted?(): void;
}

/** Sends a request to an HTTP server on a unix socket. */
export async function fetchOverSocket(
  socketPath: string,
  request: Request,
  { agent, onAccepted }: SocketFetchOptions = {},
): Promise<Response> {
  // Without one Node would connect to port 80 of this machine.
  if (!isAbsolute(socketPath)) throw new TypeError(`No path of a socket: ${JSON.stringify(socketPath)}`);
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
  // Their size is limited above; past a number of its own Node leaves headers out without a word.
  outgoing.maxHeadersCount = 0;
  if (onAccepted) outgoing.on('information', onAccepted);
  // Until the answer `answered` tells of errors, then its body does; one that comes late may not end the process.
  outgoing.on('error', ignore);
  outgoing.once('socket', keepReading);
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
