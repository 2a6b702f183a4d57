import type { Writable } from 'node:stream';
import { afterArrivals, judgeAfter, type Timer } from '../src/lib/time.js';
import { bodyText, checkEncoding, parseJson } from '../src/transport/body.js';
import { FrameError } from '../src/transport/frame-error.js';
import { FrameReader } from '../src/transport/frame-reader.js';
import { FrameWriter } from '../src/transport/frame-writer.js';
import { classify } from '../src/transport/message.js';
import { readResultHead } from '../src/transport/message-head.js';
import { PendingTable } from '../src/transport/pending-table.js';
import { Failure } from './failure.js';
import type { Lane } from './lane.js';
import { readTailBatch } from './sniff.js';
import type { TailRouter } from './tail-router.js';

/** From this size on a body is handed to the main thread as bytes, moved and not copied. */
const LARGE_BODY_BYTES = 64 * 1024;

/** How often calls whose time is up are looked for. */
const SWEEP_MS = 250;
/** A timeout below this is kept to the millisecond. */
const SHORT_TIMEOUT_MS = 20_000;
/** The lane's calls have the ids between. */
const ID_STEP = 2;

interface Pending {
  readonly id: number;
  readonly method: string;
  readonly timeoutMs: number;
  /** `performance.now()` from which on the call is given up. */
  readonly deadlineMs: number;
  resolve(result: unknown): void;
  reject(error: Failure): void;
  /** Takes the result that comes after the call was given up. */
  onLate?(result: unknown): void;
  readonly timer: Timer | undefined;
}

/**
 * The client's side of the JSON-RPC connection. The lane's calls have even ids and pass through as text: they are
 * framed and parsed on the main thread. The thread's own calls have odd ids and are settled here.
 */
export class Session {
  readonly #writer: FrameWriter;
  readonly #reader: FrameReader;
  readonly #lane: Lane;
  readonly #tails: TailRouter;
  readonly #onFault: (error: Failure) => void;
  readonly #pending = new PendingTable<Pending>(ID_STEP);
  /** Calls given up here whose answers may still come, and who takes them. */
  readonly #abandoned = new Map<number, Pending['onLate']>();
  #nextId = 1;
  #sweeper: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: {
    stdin: Writable;
    lane: Lane;
    tails: TailRouter;
    maxBodyBytes: number;
    /** Called once, when the child breaks the protocol. */
    onFault(error: Failure): void;
  }) {
    this.#writer = new FrameWriter(options.stdin);
    this.#reader = new FrameReader((bytes, start, end, text) => this.#receive(bytes, start, end, text), {
      maxBodyBytes: options.maxBodyBytes,
    });
    this.#lane = options.lane;
    this.#tails = options.tails;
    this.#onFault = options.onFault;
  }

  /** Bytes from the child's stdout. */
  read(chunk: Buffer): void {
    if (this.#closed) return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#fault(error);
    }
    this.#lane.flush();
  }

  /** Messages of the lane, one a line; each gets its header here. */
  writeLines(bodies: string): void {
    if (this.#closed) return;
    for (let start = 0; start < bodies.length; ) {
      const newline = bodies.indexOf('\n', start);
      const end = newline === -1 ? bodies.length : newline;
      this.#writer.write(bodies.substring(start, end));
      start = end + 1;
    }
  }

  notify(method: string, params: unknown): void {
    if (!this.#closed) this.#writer.write(JSON.stringify({ jsonrpc: '2.0', method, params }));
  }

  /** Sends a call of this thread. @throws Failure of the server's code, `timeout` or `connection-lost` */
  call(method: string, params: unknown, timeoutMs: number): Promise<unknown> {
    return this.callText(method, JSON.stringify(params), timeoutMs);
  }

  /**
   * The same with params that are JSON text already, within the limits of a message. `onAnswer` runs in the turn the
   * answer is read in; `onLate` instead of it when the call was given up before.
   */
  callText(
    method: string,
    paramsJson: string,
    timeoutMs: number,
    onAnswer?: (result: unknown) => void,
    onLate?: (result: unknown) => void,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new Failure('connection-lost', `${method} was not sent: the connection to the CLI is gone.`));
        return;
      }
      const id = this.#nextId;
      const body = `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)},"params":${paramsJson}}`;
      this.#nextId += ID_STEP;
      const settle = (result: unknown) => {
        // In the same turn as the answer was read, before any notification behind it.
        onAnswer?.(result);
        resolve(result);
      };
      const deadlineMs = performance.now() + timeoutMs;
      this.#pending.add({
        id,
        method,
        timeoutMs,
        deadlineMs,
        resolve: settle,
        reject,
        onLate,
        timer: this.#limitTime(id, timeoutMs),
      });
      this.#writer.write(body);
    });
  }

  /** Nothing will be answered any more: every call of this thread is settled. Can be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#sweeper);
    for (const { id } of this.#pending.entries()) this.#take(id)?.reject(indeterminate());
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.take(id);
    pending?.timer?.clear();
    return pending;
  }

  /** Calls share one sweep; one that is not to wait for it has a timer of its own. */
  #limitTime(id: number, timeoutMs: number): Timer | undefined {
    if (timeoutMs < SHORT_TIMEOUT_MS) return judgeAfter(timeoutMs, () => this.#expire(id));
    this.#sweeper ??= setInterval(() => afterArrivals(() => this.#sweep()), SWEEP_MS);
    return undefined;
  }

  #sweep(): void {
    const now = performance.now();
    for (const { id, deadlineMs } of this.#pending.entries()) if (now >= deadlineMs) this.#expire(id);
    if (this.#pending.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #expire(id: number): void {
    const pending = this.#take(id);
    if (pending === undefined) return;
    const { method, timeoutMs } = pending;
    this.#abandoned.set(id, pending.onLate);
    this.notify('$/cancelRequest', { id });
    pending.reject(
      new Failure('timeout', `${method} was not answered within ${timeoutMs} ms.`, { timeoutMs }),
    );
  }

  #receive(bytes: Buffer, start: number, end: number, text: string | undefined): void {
    const head = readResultHead(bytes, start, end);
    if (head === undefined || !isLaneId(head.id)) {
      this.#receiveText(bytes, start, end, bodyText(bytes, start, end, text));
    } else if (end - start < LARGE_BODY_BYTES) {
      this.#lane.pushResult(head.id, bodyText(bytes, head.resultStart, end - 1, text));
    } else {
      if (text === undefined) checkEncoding(bytes.subarray(start, end));
      this.#lane.postLargeResult(head.id, bytes, start, head.resultStart, end);
    }
  }

  #receiveText(bytes: Buffer, start: number, end: number, body: string): void {
    const batch = readTailBatch(body);
    if (batch !== undefined) {
      // The answer that names a tail may still wait for the end of this chunk.
      this.#lane.flush();
      this.#tails.deliver(batch, bytes, start, end, body);
      return;
    }
    this.#receiveParsed(body);
  }

  #receiveParsed(body: string): void {
    const incoming = classify(parseJson(body));
    if (incoming.kind === 'request') {
      throw new FrameError(
        'message-invalid',
        `The child sent a request, ${JSON.stringify(incoming.message.method)}: it is no fluorite-flake server.`,
      );
    }
    if (incoming.kind === 'notification') {
      const { method, params } = incoming.message;
      this.#lane.flush();
      if (!this.#tails.notify(method, params)) this.#lane.post({ type: 'notification', method, params });
      return;
    }
    const { id } = incoming.message;
    if (isLaneId(id)) this.#lane.postAnswer(body);
    else this.#settle(incoming.message);
  }

  #settle(message: {
    id: number | string | null;
    result?: unknown;
    error?: { code: number; message: string; data?: unknown };
  }): void {
    const { id, error } = message;
    const pending = typeof id === 'number' ? this.#take(id) : undefined;
    if (pending === undefined) {
      const onLate = this.#abandoned.get(id as number);
      if (this.#abandoned.delete(id as number)) {
        if (error === undefined) onLate?.(message.result);
        return;
      }
      const why = error === undefined ? '' : ` (${error.message})`;
      throw new FrameError(
        'message-invalid',
        `The child answered a call that was never made: id ${JSON.stringify(id)}${why}.`,
      );
    }
    if (error === undefined) pending.resolve(message.result);
    else pending.reject(remoteFailure(error));
  }

  #fault(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const fault = error instanceof FrameError ? error.fault : undefined;
    this.close();
    this.#onFault(new Failure('protocol-error', `The CLI broke the protocol: ${message}`, { fault }));
  }
}

function isLaneId(id: unknown): boolean {
  return typeof id === 'number' && id % ID_STEP === 0;
}

function indeterminate(): Failure {
  return new Failure(
    'indeterminate',
    'The CLI ended while the call was in flight; it may or may not have been carried out.',
  );
}

function remoteFailure(error: { code: number; message: string; data?: unknown }): Failure {
  const { code, ...data } = (error.data ?? {}) as { code?: unknown };
  if (typeof code === 'string') return new Failure(code as Failure['code'], error.message, data);
  return new Failure('internal-error', error.message, { jsonRpcCode: error.code });
}
