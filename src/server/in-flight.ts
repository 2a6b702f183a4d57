import type { StopTimes } from '../lib/stop-times.js';
import { judgeAfter, type Timer } from '../lib/time.js';
import type { CallContext } from './call-context.js';

/** More than the library ever has waiting; bounds what a client can pile up behind slow calls. */
const MAX_IN_FLIGHT = 100_000;

interface Waiting {
  readonly context: CallContext;
  /** Answers it in the place of a handler that does not come back. */
  giveUp(): void;
}

/** The requests of one connection that have not been answered. One that is answered at once is never in here. */
export class InFlight {
  readonly #times: Pick<StopTimes, 'callsMs' | 'cancelledMs'>;
  readonly #waiting = new Map<number | string, Waiting>();
  /** Unanswered requests that cannot be cancelled. */
  #others = 0;
  #drained: { left: number; resolve(): void } | undefined;

  /** @param times how long a shutdown, or the end of the input, waits for the calls in flight and for cancelled ones */
  constructor(times: Pick<StopTimes, 'callsMs' | 'cancelledMs'>) {
    this.#times = times;
  }

  has(id: number | string): boolean {
    return this.#waiting.has(id);
  }

  get isFull(): boolean {
    return this.#waiting.size >= MAX_IN_FLIGHT;
  }

  /** Runs `work` as a request in flight. It must not reject. */
  async track(id: number | string, waiting: Waiting, work: () => Promise<void>): Promise<void> {
    this.#waiting.set(id, waiting);
    await work();
    this.#checkDrained();
  }

  /** Its answer is about to be written: the id is free again. @returns false when it was answered before */
  answered(id: number | string): boolean {
    return this.#waiting.delete(id);
  }

  /** Gives up every request but the one of `kept`. */
  giveUp(kept: CallContext | undefined): void {
    for (const { context, giveUp } of [...this.#waiting.values()]) if (context !== kept) giveUp();
  }

  /** Runs `work` as one that has no id to cancel it by. It must not reject. */
  async trackAlone(work: () => Promise<void>): Promise<void> {
    this.#others++;
    await work();
    this.#others--;
    this.#checkDrained();
  }

  cancel(id: number | string): void {
    this.#waiting.get(id)?.context.cancel();
  }

  cancelAll(): void {
    for (const { context } of this.#waiting.values()) context.cancel();
  }

  /** Waits, bounded, until no more than `left` requests are unanswered; then cancels them, and waits for that too. */
  async drain(left: number): Promise<void> {
    if (this.#unanswered <= left) return;
    const { callsMs, cancelledMs } = this.#times;
    const cancel = judgeAfter(callsMs, () => this.cancelAll());
    let giveUp: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#drained = { left, resolve };
      giveUp = judgeAfter(callsMs + cancelledMs, resolve);
    });
    cancel.clear();
    giveUp?.clear();
  }

  get #unanswered(): number {
    return this.#waiting.size + this.#others;
  }

  #checkDrained(): void {
    if (this.#drained !== undefined && this.#unanswered <= this.#drained.left) this.#drained.resolve();
  }
}
