import { SidecarError, type TailEndReason, type TraceEvent } from '../src/protocol/index.js';
import { nameCaller } from './caller-stack.js';
import { gapBatch, type TailBatch, type TailGap } from './tail-batch.js';
import { type FeedEntry, TailFeed } from './tail-feed.js';

/** How long a stream may keep the thread before it lets other work in. */
const BUDGET_MS = 2;
/** Events between two looks at the clock. */
const EVENTS_PER_LOOK = 16;

/** Why a stream has ended. The end of the CLI alone is none: the stream goes on with the next. */
export type TailStreamEnd = Exclude<TailEndReason, 'shutdown'> | 'sidecar-stopped';

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
  readonly #feed = new TailFeed();
  #requested = false;
  #interrupted = false;
  #wake: (() => void) | undefined;
  #tailId: string | undefined;
  #dropped = 0;
  #end: { error: SidecarError | undefined; reason: TailStreamEnd } | undefined;
  /** What `stop()` was given: its stack is the caller's, and not ours to change. */
  #stoppedWith: SidecarError | undefined;
  /** The reader has gone, or was sent away: what lies here is nobody's. */
  #left = false;
  #read = false;
  #stopAsked = false;
  #turnStartedMs = 0;
  /** Whether the tail could be opened: without an error it could. */
  readonly #opening: Promise<SidecarError | undefined>;
  #settleOpening: (error?: SidecarError) => void = () => {};

  constructor(connection: TailConnection) {
    this.#connection = connection;
    this.#opening = new Promise((resolve) => {
      this.#settleOpening = resolve;
    });
  }

  /** Resolves when events are being delivered; rejects when the tail cannot be opened. */
  get ready(): Promise<void> {
    const untilOpen = async () => {
      const error = await this.#opening;
      if (error === undefined) return;
      // The iteration throws it too, so nobody has to watch `ready`. An earlier handler would hide who awaits it.
      queueMicrotask(() => ready.catch(() => undefined));
      throw this.#withReader(error);
    };
    const ready = untilOpen();
    return ready;
  }

  /** Events that were left out so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Why the stream ended; undefined as long as it goes on. */
  get endReason(): TailStreamEnd | undefined {
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
    this.#settleOpening();
  }

  /** @internal Somebody asks the server to end this tail: it is not opened again, even if the answer is lost. */
  stopAsked(): void {
    this.#stopAsked = true;
  }

  /** @internal The request for it was never made. */
  stopNotAsked(): void {
    this.#stopAsked = false;
  }

  /** @internal The server that knew this tail is gone; another one will be asked. */
  interrupted(): void {
    if (this.#tailId === undefined || this.#end !== undefined) return;
    if (this.#stopAsked) {
      this.finish('stopped', 0);
      return;
    }
    this.#tailId = undefined;
    this.#requested = false;
    this.#interrupted = true;
  }

  /** @internal */
  push(batch: TailBatch): void {
    if (this.#end !== undefined) return;
    this.#dropped += batch.dropped;
    for (const lost of this.#feed.push({ batch, tailId: this.#tailId })) {
      this.#dropped += lost.events;
      this.#grant(lost);
    }
    this.#wakeLater();
  }

  /** @internal Events were left out. */
  lose(count: number): void {
    this.#dropped += count;
  }

  /** @internal What is queued is still delivered, then the iteration ends, with the error if there is one. */
  finish(reason: TailStreamEnd, dropped: number, error?: SidecarError): void {
    if (this.#end !== undefined) return;
    this.#end = { reason, error };
    this.#dropped += dropped;
    this.#settleOpening(error ?? new SidecarError('connection-lost', 'The tail ended before it was open.'));
    this.#wakeLater();
    this.#connection.forget(this);
  }

  /** Ends the tail at once: the iteration ends, or throws `error`. Can be called twice. */
  stop(error?: SidecarError): void {
    const tailId = this.#tailId;
    this.#stoppedWith ??= error;
    this.finish('stopped', 0, error);
    this.#left = true;
    this.#tailId = undefined;
    this.#feed.clear();
    if (tailId !== undefined) this.#connection.stop(tailId);
  }

  /** The batches as they arrive, unparsed. The next one is asked for when the loop comes back. */
  batches(): AsyncGenerator<TailBatch, void, undefined> {
    return this.#reader((isFirst) => this.#readBatches(isFirst));
  }

  [Symbol.asyncIterator](): AsyncGenerator<TraceEvent | TailGap, void, undefined> {
    return this.#reader((isFirst) => this.#readEvents(isFirst));
  }

  /** Leaving ends the tail at once: a generator that was not begun yet, or that waits, would not notice. */
  #reader<T>(
    read: (isFirst: boolean) => AsyncGenerator<T, void, undefined>,
  ): AsyncGenerator<T, void, undefined> {
    const isFirst = !this.#read;
    this.#read = true;
    const generator = read(isFirst);
    const leave = () => {
      if (isFirst) this.stop();
    };
    return {
      next: () => generator.next(),
      return: (value) => {
        leave();
        return generator.return(value);
      },
      throw: (error) => {
        leave();
        return generator.throw(error);
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    } as AsyncGenerator<T, void, undefined>;
  }

  async *#readBatches(isFirst: boolean): AsyncGenerator<TailBatch, void, undefined> {
    if (!isFirst) throw new SidecarError('invalid-option', 'A tail can be read once: open another one.');
    try {
      for (;;) {
        await this.#breathe();
        const next = this.#feed.shift();
        if (next !== undefined) {
          yield next.batch;
          this.#grant(next);
        } else if (this.#end !== undefined) {
          if (this.#end.error !== undefined) throw this.#withReader(this.#end.error);
          return;
        } else await this.#arrival();
      }
    } finally {
      this.stop();
    }
  }

  async *#readEvents(isFirst: boolean): AsyncGenerator<TraceEvent | TailGap, void, undefined> {
    for await (const batch of this.#readBatches(isFirst)) {
      if (batch.gap !== undefined) yield batch.gap;
      const events = batch.events();
      for (let i = 0; i < events.length; i++) {
        if (i % EVENTS_PER_LOOK === EVENTS_PER_LOOK - 1) await this.#breathe();
        if (this.#left) break;
        yield events[i] as TraceEvent;
      }
    }
  }

  #withReader(error: SidecarError): SidecarError {
    return error === this.#stoppedWith ? error : nameCaller(error);
  }

  /** A tail of an earlier connection has no use for credit. */
  #grant({ tailId, batch }: FeedEntry): void {
    if (tailId === undefined || tailId !== this.#tailId) return;
    this.#connection.grant(tailId, batch.bytes.length);
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
