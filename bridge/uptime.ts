const TICK_MS = 5000;

/**
 * How long something has run. Counted in ticks: the time in which this thread itself did not run, because the machine
 * slept or the host blocked it, is not known to have been a healthy one.
 */
export class Uptime {
  #countedMs = 0;
  #lastMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Counts from 0. */
  start(): void {
    clearInterval(this.#timer);
    this.#countedMs = 0;
    this.#lastMs = performance.now();
    this.#timer = setInterval(() => this.#count(), TICK_MS);
    this.#timer.unref();
  }

  /** @returns the milliseconds counted since `start`. Can be called twice. */
  stop(): number {
    if (this.#timer !== undefined) this.#count();
    clearInterval(this.#timer);
    this.#timer = undefined;
    return this.#countedMs;
  }

  #count(): void {
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    this.#countedMs += elapsedMs > 2 * TICK_MS ? 0 : elapsedMs;
  }
}
