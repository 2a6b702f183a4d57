import { type Remote, releaseProxy } from 'comlink';
import type { TraceEvent } from '../src/protocol/index.js';
import { FrameError } from '../src/transport/frame-error.js';
import type { RemoteTailBatch } from './contract.js';
import { type Lane, ownBytes } from './lane.js';
import type { TailBatchHead } from './sniff.js';

type OnBatch = ((batch: RemoteTailBatch) => void | Promise<void>) &
  Partial<Pick<Remote<() => void>, typeof releaseProxy>>;

/** Sends each batch to whoever opened its tail: a callback given to `remote.tail`, else the lane. */
export class TailRouter {
  readonly #lane: Lane;
  readonly #grant: (tailId: string, bytes: number) => void;
  readonly #onError: (error: unknown) => void;
  readonly #callbacks = new Map<string, OnBatch>();

  constructor(lane: Lane, grant: (tailId: string, bytes: number) => void, onError: (error: unknown) => void) {
    this.#lane = lane;
    this.#grant = grant;
    this.#onError = onError;
  }

  /** Batches of `tailId` go to `onBatch` from now on. */
  attach(tailId: string, onBatch: OnBatch): void {
    this.#callbacks.set(tailId, onBatch);
  }

  deliver(head: TailBatchHead, bytes: Buffer, start: number, end: number, body: string): void {
    const onBatch = this.#callbacks.get(head.tailId);
    const { tailId, seq, dropped, eventsStart } = head;
    if (onBatch === undefined) {
      this.#lane.postTail({ tailId, seq, dropped }, ownBytes(bytes, start + eventsStart, end - 2));
      return;
    }
    const events = parseEvents(body.slice(eventsStart, -2));
    void this.#call(tailId, onBatch, { seq, dropped, events }, end - start - eventsStart - 2);
  }

  /** Takes a notification that ends or carries a tail of a callback. @returns false when it is the lane's */
  notify(method: string, params: unknown): boolean {
    const { tailId, seq, dropped, gap, events } = (params ?? {}) as Partial<
      RemoteTailBatch & { tailId: string }
    >;
    const onBatch = typeof tailId === 'string' ? this.#callbacks.get(tailId) : undefined;
    if (onBatch === undefined || tailId === undefined) return false;
    if (method === 'tail/end') this.#detach(tailId);
    else if (method === 'tail/batch' && Array.isArray(events)) {
      const batch = { seq: seq ?? 0, dropped: dropped ?? 0, ...(gap && { gap }), events };
      void this.#call(tailId, onBatch, batch, Buffer.byteLength(JSON.stringify(events)));
    } else return false;
    return true;
  }

  /** Forgets every callback: the child that knew their tails is gone. */
  clear(): void {
    for (const tailId of [...this.#callbacks.keys()]) this.#detach(tailId);
  }

  /** Credit is granted when the callback is done with the batch, so that a slow one is never flooded. */
  async #call(tailId: string, onBatch: OnBatch, batch: RemoteTailBatch, bytes: number): Promise<void> {
    try {
      await onBatch(batch);
      this.#grant(tailId, bytes);
    } catch (error) {
      this.#onError(error);
      this.#grant(tailId, bytes);
    }
  }

  #detach(tailId: string): void {
    const onBatch = this.#callbacks.get(tailId);
    this.#callbacks.delete(tailId);
    onBatch?.[releaseProxy]?.();
  }
}

function parseEvents(json: string): TraceEvent[] {
  try {
    return JSON.parse(json) as TraceEvent[];
  } catch (error) {
    throw new FrameError('json-invalid', `The events of a tail are not JSON: ${(error as Error).message}.`);
  }
}
