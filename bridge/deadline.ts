/** Looks at the clock within one deadline. */
const TICKS = 10;

/**
 * A deadline for what goes on elsewhere. Time in which this process did not run (it was stopped, or its main thread was
 * blocked) does not count: what it waits for may not have been asked yet, or its answer may lie unread.
 */
export class Deadline {
  readonly #timer: NodeJS.Timeout;
  #ticksLeft = TICKS;

  /** @param onPassed called once, unless it is cleared before */
  constructor(ms: number, onPassed: () => void) {
    // A tick that comes late counts as one.
    this.#timer = setInterval(() => {
      this.#ticksLeft--;
      if (this.#ticksLeft > 0) return;
      this.clear();
      onPassed();
    }, ms / TICKS);
  }

  /** Can be called twice. */
  clear(): void {
    clearInterval(this.#timer);
  }
}
