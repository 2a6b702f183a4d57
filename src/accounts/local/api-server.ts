import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SidecarError } from '../../protocol/index.js';
import { listenOnPath } from './api-socket.js';
import { ApiError, failed } from './envelope.js';
import { LOCAL_ACCOUNT_ID } from './identity.js';
import { BASE_PATH } from './router.js';
import type { LocalRuntime } from './runtime.js';
import { answerServed, type Served } from './served-routes.js';
import { SharedApi } from './shared-api.js';
import { answer, closeServer, MAX_HEADER_BYTES } from './socket-server.js';
import { TailSessions } from './tail-sessions.js';

export interface ApiServerOptions {
  stateDir: string;
  /** A unix socket that only this user can open, or a port of 127.0.0.1 behind a token; 0 is any free port. */
  listen: { socketPath: string } | { port: number; token: string };
  /** Whether Workers may reach the network; see `fluorite-flake --allow-network`. */
  allowNetwork?: boolean;
  /** Refuses every request that changes something. */
  readOnly?: boolean;
  log(line: string): void;
  /** Makes the runtime; default workerd. */
  createRuntime?(): Promise<LocalRuntime>;
}

export interface ApiServer {
  readonly accountId: string;
  /** What goes into CLOUDFLARE_API_BASE_URL. On a unix socket its host is {@link SOCKET_HOST}, which no name server knows. */
  readonly baseUrl: string;
  /** Ends the tails, the connections and what the account runs. Can be called twice. */
  close(): Promise<void>;
}

/** The host in URLs that go over the socket: see socket-preload.ts. */
export const SOCKET_HOST = 'fluorite-flake.invalid';

const UNAUTHENTICATED = new ApiError(
  401,
  10000,
  'Authentication error: the token of this API is missing or wrong',
);

/**
 * Serves the local account's API v4 over HTTP, for wrangler and other tools of Cloudflare's.
 * @throws SidecarError what listening or opening the state directory fails with.
 */
export async function serveLocalApi(options: ApiServerOptions): Promise<ApiServer> {
  const { listen, log } = options;
  const api = new SharedApi({ ...options, createRuntime: options.createRuntime ?? (() => workerd(options)) });
  const tails = new TailSessions(api, (path) => webSocketOrigin(server, listen) + path);
  const served: Served = { api, tails, readOnly: options.readOnly ?? false };
  const isAllowed = 'token' in listen ? bearer(listen.token) : () => true;
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: 30_000 },
    (message, response) => {
      const handle = async (request: Request) => {
        if (!isAllowed(message)) return failed(UNAUTHENTICATED);
        return answerServed(served, request).catch(failed);
      };
      answer(message, response, handle).catch((error: unknown) => {
        log(`local api: ${message.method} ${message.url}: ${error}`);
        response.destroy();
      });
    },
  );
  // Their size is limited; past a number of its own Node leaves headers out without a word.
  server.maxHeadersCount = 0;
  server.requestTimeout = 0; // Uploads of big objects take as long as they take.
  // A tail's URL is a secret of its own; its viewer sends no token, as at Cloudflare.
  server.on('upgrade', (request, stream, head) => tails.upgrade(request, stream, head));
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      tails.close();
      if (server.listening) await closeServer(server);
      await api.close();
    })();
    return closing;
  };
  try {
    if ('socketPath' in listen) await listenOnPath(server, listen.socketPath);
    else await listenOnLoopback(server, listen.port);
    // A state directory that cannot be opened is told now, not to the first client.
    await api.send(() => new Request(`http://local${BASE_PATH}/user`), true);
  } catch (error) {
    await close();
    throw error;
  }
  return { accountId: LOCAL_ACCOUNT_ID, baseUrl: `http://${hostOf(server)}${BASE_PATH}`, close };
}

async function workerd({ stateDir, allowNetwork, log }: ApiServerOptions): Promise<LocalRuntime> {
  const { createWorkerdRuntime } = await import('./workerd/index.js');
  return createWorkerdRuntime({ stateDir, allowNetwork, log });
}

async function listenOnLoopback(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SidecarError('conflict', `Port ${port} of 127.0.0.1 cannot be used: ${why}.`, { cause });
  }
}

function hostOf(server: Server): string {
  const address = server.address();
  return typeof address === 'object' && address ? `127.0.0.1:${(address as AddressInfo).port}` : SOCKET_HOST;
}

function webSocketOrigin(server: Server, listen: ApiServerOptions['listen']): string {
  return 'socketPath' in listen ? `ws+unix:${listen.socketPath}:` : `ws://${hostOf(server)}`;
}

/** Compares in constant time: the digests, which have one length. */
function bearer(token: string): (message: IncomingMessage) => boolean {
  const wanted = sha256(`Bearer ${token}`);
  return ({ headers }) => timingSafeEqual(sha256(headers.authorization ?? ''), wanted);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
