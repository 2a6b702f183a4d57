import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TailCreateResponse, TailGetResponse } from 'cloudflare/resources/workers/scripts/tail';
import { SidecarError } from '../../protocol/index.js';
import { listenOnPath } from './api-socket.js';
import { ApiError, failed, jsonObject, ok } from './envelope.js';
import { LOCAL_ACCOUNT_ID } from './identity.js';
import type { LocalRuntime } from './runtime.js';
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

const BASE_PATH = '/client/v4';
const SCRIPTS = `${BASE_PATH}/accounts/${LOCAL_ACCOUNT_ID}/workers/scripts`;
const TAIL_PATH = new RegExp(`^${SCRIPTS}/([^/]+)/tails(?:/([^/]+))?$`);
const UNAUTHENTICATED = new ApiError(
  401,
  10000,
  'Authentication error: the token of this API is missing or wrong',
);
const READ_ONLY = new ApiError(403, 10000, 'This API is served with --read-only: nothing is changed');

/** Bodies up to this are kept until the answer: they can be sent again when the owner of the state goes away. */
const REPEATABLE_BYTES = 1024 * 1024;

/**
 * Serves the local account's API v4 over HTTP, for wrangler and other tools of Cloudflare's.
 * @throws SidecarError what listening or opening the state directory fails with.
 */
export async function serveLocalApi(options: ApiServerOptions): Promise<ApiServer> {
  const { listen, log } = options;
  const api = new SharedApi({ ...options, createRuntime: options.createRuntime ?? (() => workerd(options)) });
  const tails = new TailSessions(api, (path) => webSocketOrigin(server, listen) + path);
  const isAllowed = 'token' in listen ? bearer(listen.token) : () => true;
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: 30_000 },
    (message, response) => {
      const handle = (request: Request) => {
        if (!isAllowed(message)) return refuse(request, UNAUTHENTICATED);
        if (options.readOnly && changes(request)) return refuse(request, READ_ONLY);
        return route(api, tails, request);
      };
      answer(message, response, handle).catch((error: unknown) => {
        log(`local api: ${message.method} ${message.url}: ${error}`);
        response.destroy();
      });
    },
  );
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

async function refuse(request: Request, error: ApiError): Promise<Response> {
  await request.body?.cancel();
  return failed(error);
}

/** A tail changes nothing, and a bulk read is a POST. */
function changes({ method, url }: Request): boolean {
  const { pathname } = new URL(url);
  return (
    method !== 'GET' && method !== 'HEAD' && !TAIL_PATH.test(pathname) && !pathname.endsWith('/bulk/get')
  );
}

async function route(api: SharedApi, tails: TailSessions, request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  try {
    if (!pathname.startsWith(`${BASE_PATH}/`) || pathname.startsWith(`${BASE_PATH}/local/`)) {
      throw new ApiError(404, 7000, `No route for that URI: API v4 is below ${BASE_PATH}, not ${pathname}`);
    }
    const [isTail, script = '', id] = TAIL_PATH.exec(pathname) ?? [];
    return isTail ? await answerTail(api, tails, request, script, id) : await forward(api, request);
  } catch (error) {
    return failed(error);
  }
}

async function answerTail(
  api: SharedApi,
  tails: TailSessions,
  request: Request,
  script: string,
  id: string | undefined,
): Promise<Response> {
  if (request.method === 'DELETE' && id !== undefined) {
    tails.delete(script, id);
    return ok(null);
  }
  // Whether there is such a Worker is the account's to say.
  const settings = await api.send(() => new Request(`http://local${SCRIPTS}/${script}/settings`), true);
  if (!settings.ok) return settings;
  await settings.body?.cancel();
  if (request.method === 'GET' && id === undefined) return ok(tails.newest(script) satisfies TailGetResponse);
  if (request.method === 'POST' && id === undefined) {
    return ok(tails.create(script, await filtersOf(request)) satisfies TailCreateResponse);
  }
  return forward(api, request);
}

/** The SDK sends no body at all. */
async function filtersOf(request: Request): Promise<unknown> {
  const text = await request.text();
  if (text === '') return undefined;
  return (await jsonObject(new Request(request.url, { method: 'POST', body: text }))).filters;
}

/** Hands a request on to the account, in this process or in the one that owns the state directory. */
async function forward(api: SharedApi, request: Request): Promise<Response> {
  const { method, url, signal } = request;
  const headers = new Headers(request.headers);
  // The token has done its work; the rest belongs to this connection.
  for (const name of ['authorization', 'connection', 'expect']) headers.delete(name);
  const declared = Number(headers.get('content-length') ?? Number.POSITIVE_INFINITY);
  const isSmall = request.body === null || declared <= REPEATABLE_BYTES;
  const body = isSmall && request.body ? await request.arrayBuffer() : request.body;
  let isSent = false;
  const make = () => {
    if (!isSmall && isSent) throw gone(method);
    isSent = true;
    return new Request(url, { method, headers, signal, ...(body && { body, duplex: 'half' }) });
  };
  return api.send(make, isSmall && method !== 'POST' && method !== 'PATCH');
}

function gone(method: string): SidecarError {
  return new SidecarError(
    'indeterminate',
    `The process that owned the state directory ended during this ${method}; it may or may not have been carried out. Look, then try again.`,
  );
}
