import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { judgeAfter, type Timer } from '../../lib/time.js';
import { SidecarError } from '../../protocol/index.js';
import type { TailSink } from '../account.js';
import { ApiError } from './envelope.js';
import { openLocalTail } from './local-tail.js';
import type { SharedApi } from './shared-api.js';
import { type LocalTailParams, tailParamsOf } from './tail-filter.js';
import { acceptTailSocket, isWebSocketRequest, type TailSocket } from './tail-socket.js';

/** What a viewer speaks, as at Cloudflare. */
const PROTOCOL = 'trace-v1';
/** As at Cloudflare: a Worker has ten viewers, and a tail ends by itself. */
const MAX_TAILS_PER_WORKER = 10;
const LIFETIME_MS = 6 * 60 * 60_000;
/** How long a tail that nobody looks at is kept for its viewer. */
const UNSEEN_MS = 60_000;
/** What a slow viewer may leave lying; what comes on top is dropped, and the viewer is told. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/** How many ended tails are remembered: wrangler deletes one after it has closed its WebSocket, which ended it. */
const REMEMBERED = 100;

interface Session {
  id: string;
  params: LocalTailParams;
  expiresAt: number;
  /** Ends it when it expires, or when its viewer does not come. */
  timer: Timer;
  socket?: TailSocket;
}

/** A tail as API v4 describes it. */
export interface TailDescription {
  id: string;
  url: string;
  expires_at: string;
}

/**
 * The tails of API v4: one is created, and its events come over a WebSocket at its URL. The URL is a secret of
 * 256 bits, which is all that opens it, as at Cloudflare.
 */
export class TailSessions {
  readonly #api: SharedApi;
  readonly #urlOf: (path: string) => string;
  readonly #sessions = new Map<string, Session>();
  /** The Workers of tails that ended lately, by the tails' ids; oldest first. */
  readonly #ended = new Map<string, string>();

  /** @param urlOf the WebSocket URL of a path of this server */
  constructor(api: SharedApi, urlOf: (path: string) => string) {
    this.#api = api;
    this.#urlOf = urlOf;
  }

  /** @throws ApiError 400 for filters that are none, 429 at the eleventh tail of one Worker. */
  create(workerName: string, filters: unknown): TailDescription {
    if (this.#of(workerName).length >= MAX_TAILS_PER_WORKER) {
      throw new ApiError(
        429,
        10057,
        `The Worker ${workerName} has ${MAX_TAILS_PER_WORKER} tails already, as many as Cloudflare allows`,
      );
    }
    const session: Session = {
      id: randomBytes(32).toString('hex'),
      params: tailParamsOf(workerName, filters),
      expiresAt: Date.now() + LIFETIME_MS,
      timer: judgeAfter(UNSEEN_MS, () => this.#end(session, 1000, 'nobody came')).unref(),
    };
    this.#sessions.set(session.id, session);
    return this.#describe(session);
  }

  /** The newest tail of a Worker. @throws ApiError 404 when it has none. */
  newest(workerName: string): TailDescription {
    const session = this.#of(workerName).at(-1);
    if (session) return this.#describe(session);
    throw new ApiError(404, 10058, `The Worker ${workerName} has no tail`);
  }

  /** Ends a tail, or finds that it has just ended. @throws ApiError 404 */
  delete(workerName: string, id: string): void {
    if (this.#ended.get(id) === workerName) return;
    const session = this.#sessions.get(id);
    if (session?.params.workerName !== workerName) {
      throw new ApiError(404, 10058, `The Worker ${workerName} has no such tail`);
    }
    this.#end(session, 1000, 'deleted');
  }

  /** Answers an upgrade of the server's: events flow until the viewer or the tail goes away. */
  upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const id = /^\/tails\/([0-9a-f]{64})$/.exec(request.url ?? '')?.[1] ?? '';
    const session = this.#sessions.get(id);
    if (!session || session.socket || !isWebSocketRequest(request)) {
      stream.on('error', () => {});
      stream.end(`HTTP/1.1 ${session ? '400 Bad Request' : '404 Not Found'}\r\nConnection: close\r\n\r\n`);
      return;
    }
    const offered = request.headers['sec-websocket-protocol']?.split(',').map((one) => one.trim());
    const left = new AbortController();
    session.socket = acceptTailSocket(
      request,
      stream,
      head,
      offered?.includes(PROTOCOL) ? PROTOCOL : undefined,
      () => {
        left.abort();
        this.#end(session, 1000, '');
      },
    );
    session.timer.clear();
    const leftMs = session.expiresAt - Date.now();
    session.timer = judgeAfter(leftMs, () => this.#end(session, 1000, 'expired')).unref();
    this.#stream(session, session.socket, left.signal).catch((error: unknown) => {
      this.#end(session, 1011, SidecarError.from(error).message);
    });
  }

  /** Ends every tail. Can be called twice. */
  close(): void {
    for (const session of [...this.#sessions.values()]) this.#end(session, 1001, 'the server ends');
  }

  async #stream(session: Session, socket: TailSocket, left: AbortSignal): Promise<void> {
    const sink = socketSink(socket, session.params.workerName, (code, reason) =>
      this.#end(session, code, reason),
    );
    const source = await openLocalTail(this.#api, session.params, sink, left);
    if (left.aborted) return source.close();
    left.addEventListener('abort', () => void source.close(), { once: true });
  }

  #end(session: Session, code: number, reason: string): void {
    if (!this.#sessions.delete(session.id)) return;
    session.timer.clear();
    this.#ended.set(session.id, session.params.workerName);
    for (const oldest of this.#ended.keys()) if (this.#ended.size > REMEMBERED) this.#ended.delete(oldest);
    session.socket?.close(code, reason);
  }

  #of(workerName: string): Session[] {
    return [...this.#sessions.values()].filter(({ params }) => params.workerName === workerName);
  }

  #describe({ id, expiresAt }: Session): TailDescription {
    return { id, url: this.#urlOf(`/tails/${id}`), expires_at: new Date(expiresAt).toISOString() };
  }
}

/** Where events go: every message is one event. What was lost is told as Cloudflare tells an overload. */
function socketSink(
  socket: TailSocket,
  scriptName: string,
  end: (code: number, reason: string) => void,
): TailSink {
  let dropped = 0;
  let gap: string | undefined;
  /** Told even to a viewer that is behind: there are few of them. */
  function tellLosses(): void {
    if (dropped > 0) socket.send(notice(scriptName, 'overload', `${dropped} ${DROPPED}`));
    if (gap !== undefined) socket.send(gap);
    dropped = 0;
    gap = undefined;
  }
  const isBehind = () => socket.waitingBytes > MAX_WAITING_BYTES;
  return {
    push(eventJson) {
      if (isBehind()) {
        dropped += 1;
        return;
      }
      tellLosses();
      socket.send(eventJson);
    },
    dropped(count) {
      dropped += count;
      if (!isBehind()) tellLosses();
    },
    gap(eventJson) {
      gap = eventJson ?? notice(scriptName, 'gap', OWNER_CHANGED);
      if (!isBehind()) tellLosses();
    },
    end(reason, error) {
      tellLosses();
      end(reason === 'error' ? 1011 : 1000, error?.message ?? reason);
    },
  };
}

const DROPPED = 'events were dropped: they came faster than they were read.';
const OWNER_CHANGED =
  'The process that ran the Workers has ended and another one took over. Events in between are missing.';

function notice(scriptName: string, type: 'overload' | 'gap', message: string): string {
  return JSON.stringify({
    scriptName,
    outcome: 'unknown',
    eventTimestamp: Date.now(),
    event: { type, message },
    logs: [],
    exceptions: [],
  });
}
