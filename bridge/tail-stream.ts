import { SidecarError, type TailEndReason, type TraceEvent } from '../src/protocol/index.js';
import { gapBatch, type TailBatch, type TailGap } from './tail-batch.js';

/** How long a stream may keep the thread before it lets other work in. */
const BUDGET_MS = 2;
/** Events between two looks at the clock. */
const EVENTS_PER_LOOK = 16;

/** What a stream needs of the connection it reads from. */
export interface TailConnection {
  /** Grants the server room for `bytes` more of this tail. */
  grant(tailId: string, bytes: number): void;
  /** Ends the tail at the server. */
  stop(tailId: string): void;
  /** The stream has ended and wants no more. */
  forget(stream: TailStream): void;
}

/**
 * A tail as an async iterable of trace events. Flow-controlled: the server sends as much as the consumer takes, and
 * what it has to leave out meanwhile is counted in `dropped`. After a restart of the CLI it goes on by itself,
 * with a {@link TailGap} where events may be missing. Ends with the loop, the signal, the Worker, or the sidecar.
 *
 * Read it once: either the events, or the `batches()`.
 */
export class TailStream implements AsyncIterable<TraceEvent | TailGap> {
  readonly #connection: TailConnection;
  readonly #queue: { batch: TailBatch; tailId: string | undefined }[] = [];
  #requested = false;
  #interrupted = false;
  #wake: (() => void) | undefined;
  #tailId: string | undefined;
  #dropped = 0;
  #end: { error: SidecarError | undefined; reason: TailEndReason | 'sidecar-stopped' } | undefined;
  #read = false;
  #turnStartedMs = 0;
  #resolveReady: () => void = () => {};
  #rejectReady: (error: Error) => void = () => {};
  /** Resolves when events are being delivered; rejects when the tail cannot be opened. */
  readonly ready: Promise<void>;

  constructor(connection: TailConnection) {
    this.#connection = connection;
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    // The iteration throws the same error; `ready` need not be watched.
    this.ready.catch(() => undefined);
  }

  /** Events that were left out so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Why the stream ended; undefined as long as it goes on. */
  get endReason(): TailEndReason | 'sidecar-stopped' | undefined {
    return this.#end?.reason;
  }

  get tailId(): string | undefined {
    return this.#tailId;
  }

  /** @internal Whether somebody has to ask the server for this tail. */
  wantsOpening(): boolean {
    return this.#end === undefined && !this.#requested && this.#tailId === undefined;
  }

  /** @internal The server is being asked. */
  opening(): void {
    this.#requested = true;
  }

  /** @internal The request was lost with its connection; it may be made again. */
  notOpened(): void {
    this.#requested = false;
  }

  /** @internal The tail is open at the server. */
  opened(tailId: string): void {
    if (this.#end !== undefined) {
      this.#connection.stop(tailId);
      return;
    }
    if (this.#interrupted) this.push(gapBatch('restarted'));
    this.#interrupted = false;
    this.#tailId = tailId;
    this.#resolveReady();
  }

  /** @internal The server that knew this tail is gone; another one will be asked. */
  interrupted(): void {
    if (this.#tailId === undefined || this.#end !== undefined) return;
    this.#tailId = undefined;
    this.#requested = false;
    this.#interrupted = true;
  }

  /** @internal */
  push(batch: TailBatch): void {
    if (this.#end !== undefined) return;
    this.#queue.push({ batch, tailId: this.#tailId });
    this.#dropped += batch.dropped;
    this.#wakeLater();
  }

  /** @internal Events were left out. */
  lose(count: number): void {
    this.#dropped += count;
  }

  /** @internal What is queued is still delivered, then the iteration ends, with the error if there is one. */
  finish(reason: TailEndReason | 'sidecar-stopped', dropped: number, error?: SidecarError): void {
    if (this.#end !== undefined) return;
    this.#end = { reason, error };
    this.#dropped += dropped;
    this.#rejectReady(error ?? new SidecarError('connection-lost', 'The tail ended before it was open.'));
    this.#wakeLater();
    this.#connection.forget(this);
  }

  /** Ends the tail at once: the iteration ends, or throws `error`. Can be called twice. */
  stop(error?: SidecarError): void {
    const tailId = this.#tailId;
    this.finish('stopped', 0, error);
    this.#tailId = undefined;
    this.#queue.length = 0;
    if (tailId !== undefined) this.#connection.stop(tailId);
  }

  /** The batches as they arrive, unparsed. The next one is asked for when the loop comes back. */
  async *batches(): AsyncGenerator<TailBatch, void, undefined> {
    if (this.#read) throw new SidecarError('invalid-option', 'A tail can be read once: open another one.');
    this.#read = true;
    try {
      for (;;) {
        await this.#breathe();
        const next = this.#queue.shift();
        if (next !== undefined) {
          yield next.batch;
          // A tail of an earlier connection has no use for credit.
          if (next.tailId !== undefined && next.tailId === this.#tailId) {
            this.#connection.grant(next.tailId, next.batch.bytes.length);
          }
        } else if (this.#end !== undefined) {
          if (this.#end.error !== undefined) throw this.#end.error;
          return;
        } else await this.#arrival();
      }
    } finally {
      this.stop();
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TraceEvent | TailGap, void, undefined> {
    for await (const batch of this.batches()) {
      if (batch.gap !== undefined) yield batch.gap;
      const events = batch.events();
      for (let i = 0; i < events.length; i++) {
        if (i % EVENTS_PER_LOOK === EVENTS_PER_LOOK - 1) await this.#breathe();
        // Stopped from outside: the rest of this batch is not wanted any more.
        if (this.#end?.reason === 'stopped') break;
        yield events[i] as TraceEvent;
      }
    }
  }

  /** Lets other work in when this turn of the event loop has lasted long enough. */
  async #breathe(): Promise<void> {
    if (performance.now() - this.#turnStartedMs < BUDGET_MS) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#turnStartedMs = performance.now();
  }

  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Not in the handler: one wakeup of a port drains all that is queued there, and a consumer would run within it. */
  #wakeLater(): void {
    if (this.#wake === undefined) return;
    const wake = this.#wake;
    this.#wake = undefined;
    setImmediate(() => {
      this.#turnStartedMs = performance.now();
      wake();
    });
  }
}
