import { type RawData, WebSocket } from 'ws';
import type { Api } from '../cloudflare/client.js';
import { createTail, deleteTail } from '../cloudflare/tail.js';
import { afterArrivals, timeoutSignal } from '../lib/time.js';
import { SidecarError } from '../protocol/index.js';
import { VERSION } from '../version.js';
import type { TailParams } from './account.js';
import { webSocketAgent } from './proxy.js';

/** Cloudflare bounds an event to much less; this bounds what a broken peer can make us hold. */
const MAX_EVENT_BYTES = 8 * 1024 * 1024;

export interface SessionTiming {
  /** How long the WebSocket may take to open. */
  openMs: number;
  /** Between two pings; a peer that gave no sign of life in between is taken for gone. */
  pingMs: number;
  /** How long Cloudflare may take to delete a tail. */
  deleteMs: number;
}

export interface SessionEvents {
  onMessage(text: string): void;
  /** The socket has ended by itself. Called at most once. */
  onLost(why: string): void;
}

/** One tail at Cloudflare and its WebSocket, whose every message is one trace event. */
export class CloudTailSession {
  /** When Cloudflare ends it, in milliseconds since 1970; NaN when it did not say. */
  readonly expiresAtMs: number;
  readonly #socket: WebSocket;
  readonly #remove: () => Promise<void>;
  #closing: Promise<void> | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #isAlive = true;
  #isPaused = false;
  /** Pings sent; each carries its number. */
  #pings = 0;
  /** What waits for the pong of a ping, or a later one. */
  #marks: { ping: number; reached(): void }[] = [];

  /** @throws SidecarError what the request fails with; `network-error` when the socket does not open; `cancelled` */
  static async open(
    api: Api,
    { workerName, ...filters }: TailParams,
    events: SessionEvents,
    timing: SessionTiming,
    signal: AbortSignal,
  ): Promise<CloudTailSession> {
    const created = await createTail(api, workerName, filters, signal);
    const remove = () => deleteTail(api, workerName, created.id, timeoutSignal(timing.deleteMs));
    try {
      const socket = await connect(created.url, timing.openMs, signal, events);
      return new CloudTailSession(socket, Date.parse(created.expiresAt), remove, events, timing);
    } catch (error) {
      // What is told is why it could not be opened; a tail that stays behind expires by itself.
      await remove().catch(() => {});
      throw error;
    }
  }

  private constructor(
    socket: WebSocket,
    expiresAtMs: number,
    remove: () => Promise<void>,
    { onLost }: SessionEvents,
    { pingMs }: SessionTiming,
  ) {
    this.#socket = socket;
    this.#remove = remove;
    this.expiresAtMs = expiresAtMs;
    let why = '';
    const lost = (code: number) => {
      clearInterval(this.#heartbeat);
      this.#reach(Number.POSITIVE_INFINITY);
      if (!this.#closing) onLost(why || `Cloudflare closed it with the code ${code}`);
    };
    const alive = () => {
      this.#isAlive = true;
    };
    socket.on('message', alive).on('pong', alive).on('close', lost);
    socket.on('pong', (number) => this.#reach(Number(number.toString())));
    socket.on('error', (error) => {
      why ||= error.message; // `close` follows.
    });
    const look = () => {
      // What is not read cannot be heard.
      if (this.#isPaused || socket.readyState !== WebSocket.OPEN) return;
      if (!this.#isAlive) {
        why = `Cloudflare gave no sign of life for ${pingMs / 1000} s`;
        socket.terminate();
        return;
      }
      this.#isAlive = false;
      this.#ping();
    };
    this.#heartbeat = setInterval(() => afterArrivals(look), pingMs);
    this.#heartbeat.unref();
    // It may have ended between its opening and now.
    if (socket.readyState === WebSocket.CLOSED) queueMicrotask(() => lost(1006));
  }

  /** Reads no more until `resume`: the peer waits, as TCP has it. Both can be called twice. */
  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#isAlive = true;
    this.#socket.resume();
  }

  /** Resolves when all is read that the peer has sent until now, or when the socket has ended. */
  caughtUp(): Promise<void> {
    if (this.#socket.readyState !== WebSocket.OPEN) return Promise.resolve();
    // A pong stands behind everything that was sent before it.
    return new Promise((reached) => {
      this.#ping();
      this.#marks.push({ ping: this.#pings, reached });
    });
  }

  #ping(): void {
    this.#pings += 1;
    this.#socket.ping(String(this.#pings));
  }

  /** A peer may answer several pings with the pong of the last. */
  #reach(pong: number): void {
    for (const { ping, reached } of this.#marks) if (ping <= pong) reached();
    this.#marks = this.#marks.filter(({ ping }) => !(ping <= pong));
  }

  /** Ends the socket and deletes the tail. Can be called twice. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      clearInterval(this.#heartbeat);
      this.#socket.terminate();
      // The tail expires by itself when Cloudflare cannot be told.
      await this.#remove().catch(() => {});
    })();
    return this.#closing;
  }
}

async function connect(
  url: string,
  openMs: number,
  signal: AbortSignal,
  { onMessage }: SessionEvents,
): Promise<WebSocket> {
  if (!URL.canParse(url) || !/^wss?(\+unix)?:$/.test(new URL(url).protocol)) {
    // Not shown: whoever knows it can read the tail.
    throw new SidecarError('cloudflare-error', "Cloudflare's address of the tail is no WebSocket URL.");
  }
  const socket = new WebSocket(url, 'trace-v1', {
    agent: await webSocketAgent(url),
    headers: { 'user-agent': `fluorite-flake/${VERSION}` },
    handshakeTimeout: openMs,
    maxPayload: MAX_EVENT_BYTES,
    perMessageDeflate: false,
  });
  // Before it opens: the first message may come in the same chunk as the answer to the handshake.
  socket.on('message', (data) => onMessage(textOf(data)));
  const onAbort = () => socket.terminate();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    socket.send(JSON.stringify({ debug: false }));
    return socket;
  } catch (cause) {
    if (signal.aborted) throw new SidecarError('cancelled', 'Cancelled: open the tail.', { cause });
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SidecarError('network-error', `The tail's WebSocket could not be opened: ${why}.`);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** A message comes as one Buffer: the socket has ws's own `binaryType`. */
function textOf(data: RawData): string {
  return (data as Buffer).toString();
}
