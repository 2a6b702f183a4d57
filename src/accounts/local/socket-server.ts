import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { timeoutSignal } from '../../lib/time.js';

/** Headers carry whole requests and responses of Workers, see invocation.ts. */
export const MAX_HEADER_BYTES = 256 * 1024;

/** Answers a request. `accept` is called before its work begins: whoever sent it knows by that whether it began. */
export type SocketHandler = (request: Request, accept: () => void) => Promise<Response>;

export interface SocketServer {
  readonly socketPath: string;
  /** Resolves when every request that was accepted has its whole answer, or after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
  /** Refuses new connections, ends the ones there are, and removes the socket. Can be called twice. */
  close(): Promise<void>;
}

/** Serves `handle` over HTTP on a unix socket that only this user can open. */
export async function serveOnSocket(
  socketPath: string,
  handle: SocketHandler,
  log: (line: string) => void,
): Promise<SocketServer> {
  const accepted = new Set<ServerResponse>();
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: 30_000 },
    (message, response) => {
      const accept = () => {
        accepted.add(response);
        response.once('close', () => accepted.delete(response));
        response.writeProcessing();
      };
      answer(message, response, (request) => handle(request, accept)).catch((error: unknown) => {
        log(
          `local account: a request over the socket failed: ${error instanceof Error ? error.message : error}`,
        );
        response.destroy();
      });
    },
  );
  // Their size is limited; past a number of its own Node leaves headers out without a word.
  server.maxHeadersCount = 0;
  server.requestTimeout = 0; // Uploads of big objects take as long as they take.
  server.listen(socketPath);
  await once(server, 'listening');
  server.unref();
  try {
    if (process.platform !== 'win32') await chmod(socketPath, 0o600);
  } catch (error) {
    await closeServer(server);
    throw error;
  }
  let closing: Promise<void> | undefined;
  return {
    socketPath,
    drain: (timeoutMs) => allClosed(accepted, timeoutMs),
    close() {
      closing ??= closeServer(server);
      return closing;
    },
  };
}

async function allClosed(responses: ReadonlySet<ServerResponse>, timeoutMs: number): Promise<void> {
  const signal = timeoutSignal(timeoutMs);
  await Promise.all([...responses].map((response) => once(response, 'close', { signal }))).catch(
    (error: unknown) => {
      if (!signal.aborted) throw error;
    },
  );
}

/** Refuses new connections and ends the ones there are. */
export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

/** Answers one request of Node's with the fetch API's. */
export async function answer(
  message: IncomingMessage,
  response: ServerResponse,
  handle: (request: Request) => Promise<Response>,
): Promise<void> {
  const aborter = new AbortController();
  response.on('close', () => {
    if (!response.writableFinished) aborter.abort();
  });
  const result = await handle(toRequest(message, aborter.signal));
  if (response.destroyed) {
    await result.body?.cancel();
    return;
  }
  // The rest of a body that is answered before its end belongs to no next request.
  if (!message.complete) response.shouldKeepAlive = false;
  response.writeHead(result.status, [...result.headers].flat());
  if (result.body === null) {
    response.end();
    return;
  }
  response.flushHeaders(); // A tail is open when its headers are there, long before its first event.
  const body = Readable.fromWeb(result.body as NodeReadableStream);
  await pipeline(body, response).catch((error: unknown) => {
    if (!aborter.signal.aborted) throw error; // The other side went away: its right.
  });
}

function toRequest(message: IncomingMessage, signal: AbortSignal): Request {
  const method = message.method ?? 'GET';
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const headers = new Headers();
  for (const [name, value] of Object.entries(message.headers)) {
    if (typeof value === 'string') headers.set(name, value);
  }
  return new Request(new URL(message.url ?? '/', 'http://local'), {
    method,
    headers,
    signal,
    ...(hasBody && { body: Readable.toWeb(message) as ReadableStream<Uint8Array>, duplex: 'half' }),
  });
}
