import type { TraceEvent } from '../src/protocol/index.js';
import { FrameError } from '../src/transport/frame-error.js';
import type { RemoteTailBatch, RemoteTailEnd } from './contract.js';
import { Failure } from './failure.js';
import { type Lane, ownBytes } from './lane.js';
import type { TailBatchHead } from './sniff.js';
import { type OnBatch, TailCallback } from './tail-callback.js';

const CONNECTION_LOST: RemoteTailEnd = {
  reason: 'error',
  dropped: 0,
  error: { code: 'connection-lost', message: 'The connection to the CLI is gone; open the tail again.' },
};

/** Sends each batch to whoever opened its tail: a callback given to `remote.tail`, else the lane. */
export class TailRouter {
  readonly #lane: Lane;
  readonly #grant: (tailId: string, bytes: number) => void;
  readonly #onError: (error: unknown) => void;
  readonly #callbacks = new Map<string, TailCallback>();
  /** Those whose end has not been asked for yet. */
  readonly #named = new Map<string, TailCallback>();

  constructor(lane: Lane, grant: (tailId: string, bytes: number) => void, onError: (error: unknown) => void) {
    this.#lane = lane;
    this.#grant = grant;
    this.#onError = onError;
  }

  /** Batches of `tailId` go to `onBatch` from now on. */
  attach(tailId: string, onBatch: OnBatch): void {
    const callback = new TailCallback(onBatch);
    this.#callbacks.set(tailId, callback);
    this.#named.set(tailId, callback);
  }

  deliver(head: TailBatchHead, bytes: Buffer, start: number, end: number, body: string): void {
    const callback = this.#callbacks.get(head.tailId);
    const { tailId, seq, dropped, eventsStart } = head;
    if (callback === undefined) {
      this.#lane.postTail({ tailId, seq, dropped }, ownBytes(bytes, start + eventsStart, end - 2));
      return;
    }
    const events = parseEvents(body.slice(eventsStart, -2));
    void this.#call(tailId, callback, { seq, dropped, events }, end - start - eventsStart - 2);
  }

  /** Takes a notification that ends or carries a tail of a callback. @returns false when it is the lane's */
  notify(method: string, params: unknown): boolean {
    const { tailId, seq, dropped, gap, events, reason, error } = (params ?? {}) as Partial<
      RemoteTailBatch & RemoteTailEnd & { tailId: string }
    >;
    const callback = typeof tailId === 'string' ? this.#callbacks.get(tailId) : undefined;
    if (callback === undefined || tailId === undefined) return false;
    if (method === 'tail/end') {
      this.#callbacks.delete(tailId);
      void callback.end({ reason: reason ?? 'error', dropped: dropped ?? 0, ...(error && { error }) });
    } else if (method === 'tail/batch' && Array.isArray(events)) {
      const batch = { seq: seq ?? 0, dropped: dropped ?? 0, ...(gap && { gap }), events };
      void this.#call(tailId, callback, batch, Buffer.byteLength(JSON.stringify(events)));
    } else return false;
    return true;
  }

  /**
   * How a tail of a callback has ended, once it has. Asked once, behind the answer that named the tail.
   * @throws Failure `not-found`
   */
  async ended(tailId: string): Promise<RemoteTailEnd> {
    const callback = this.#named.get(tailId);
    if (callback === undefined)
      throw new Failure('not-found', `No callback was given for the tail ${tailId}.`);
    this.#named.delete(tailId);
    return callback.ended;
  }

  /** Forgets every callback: the child that knew their tails is gone. */
  clear(): void {
    for (const callback of this.#callbacks.values()) callback.lose(CONNECTION_LOST);
    this.#callbacks.clear();
  }

  /** Credit is granted when the callback is done with the batch, so that a slow one is never flooded. */
  async #call(tailId: string, callback: TailCallback, batch: RemoteTailBatch, bytes: number): Promise<void> {
    try {
      await callback.take(batch);
    } catch (error) {
      this.#onError(error);
    }
    this.#grant(tailId, bytes);
  }
}

function parseEvents(json: string): TraceEvent[] {
  try {
    return JSON.parse(json) as TraceEvent[];
  } catch (error) {
    throw new FrameError('json-invalid', `The events of a tail are not JSON: ${(error as Error).message}.`);
  }
}
