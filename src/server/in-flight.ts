import type { CallContext } from './call-context.js';

/** More than the library ever has waiting; bounds what a client can pile up behind slow calls. */
const MAX_IN_FLIGHT = 100_000;
/** How long a shutdown, or the end of the input, waits for the calls in flight before it cancels them. */
const DRAIN_MS = 3000;
/** How long it then waits for the cancelled ones. */
const CANCEL_MS = 1000;

/** The requests of one connection that have not been answered. One that is answered at once is never in here. */
export class InFlight {
  readonly #contexts = new Map<number | string, CallContext>();
  /** Unanswered requests that cannot be cancelled. */
  #others = 0;
  #drained: { left: number; resolve(): void } | undefined;

  has(id: number | string): boolean {
    return this.#contexts.has(id);
  }

  get isFull(): boolean {
    return this.#contexts.size >= MAX_IN_FLIGHT;
  }

  /** Runs `work` as a request in flight. It must not reject. */
  async track(id: number | string, context: CallContext, work: () => Promise<void>): Promise<void> {
    this.#contexts.set(id, context);
    await work();
    this.#checkDrained();
  }

  /** Its answer is about to be written: the id is free again. */
  answered(id: number | string): void {
    this.#contexts.delete(id);
  }

  /** Runs `work` as one that has no id to cancel it by. It must not reject. */
  async trackAlone(work: () => Promise<void>): Promise<void> {
    this.#others++;
    await work();
    this.#others--;
    this.#checkDrained();
  }

  cancel(id: number | string): void {
    this.#contexts.get(id)?.cancel();
  }

  cancelAll(): void {
    for (const context of this.#contexts.values()) context.cancel();
  }

  /** Waits, bounded, until no more than `left` requests are unanswered; then cancels them, and waits for that too. */
  async drain(left: number): Promise<void> {
    if (this.#unanswered <= left) return;
    const cancel = setTimeout(() => this.cancelAll(), DRAIN_MS);
    let giveUp: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#drained = { left, resolve };
      giveUp = setTimeout(resolve, DRAIN_MS + CANCEL_MS);
    });
    clearTimeout(cancel);
    clearTimeout(giveUp);
  }

  get #unanswered(): number {
    return this.#contexts.size + this.#others;
  }

  #checkDrained(): void {
    if (this.#drained !== undefined && this.#unanswered <= this.#drained.left) this.#drained.resolve();
  }
}
