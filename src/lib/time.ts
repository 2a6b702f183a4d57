// Timers that judge somebody else. Node runs timers before it reads: after a pause (a blocked thread, a stopped
// process) a plain timer judges a peer whose answer lies unread in a pipe, port or socket.

/** Looks at the clock within one deadline. */
const TICKS = 10;

export interface Timer {
  /** Can be called twice. */
  clear(): void;
  /** Gives the whole time again, unless it was cleared. */
  refresh(): void;
  /** Does not keep the process alive. */
  unref(): Timer;
}

/** Calls `judge` once everything that has arrived until now was read. */
export function afterArrivals(judge: () => void): NodeJS.Immediate {
  // Immediates run behind the turn's I/O, and I/O that is ready is not waited for.
  return setImmediate(judge);
}

/** Calls `onPassed` when `ms` are over and what had arrived by then was read. */
export function judgeAfter(ms: number, onPassed: () => void): Timer {
  let judging: NodeJS.Immediate | undefined;
  let isCleared = false;
  const timer = setTimeout(() => {
    judging = afterArrivals(onPassed);
  }, ms);
  const self: Timer = {
    clear: () => {
      isCleared = true;
      clearTimeout(timer);
      clearImmediate(judging);
    },
    refresh: () => {
      if (isCleared) return;
      clearImmediate(judging);
      timer.refresh();
    },
    unref: () => {
      timer.unref();
      return self;
    },
  };
  return self;
}

/** As `AbortSignal.timeout`, but it aborts only once what had arrived in time was read. */
export function timeoutSignal(ms: number): AbortSignal {
  const controller = new AbortController();
  const late = () => controller.abort(new DOMException(`It took longer than ${ms} ms.`, 'TimeoutError'));
  judgeAfter(ms, late).unref();
  return controller.signal;
}

/** Resolves when `work` has, or after `ms`. */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: Timer | undefined;
  const late = new Promise<void>((resolve) => {
    timer = judgeAfter(ms, resolve);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    timer?.clear();
  }
}

/**
 * A deadline for what goes on elsewhere. Time in which this process did not run (it was stopped, or its main thread was
 * blocked) does not count: what it waits for may not have been asked yet, or may have been stopped as well.
 */
export class Deadline {
  readonly #timer: NodeJS.Timeout;
  #judging: NodeJS.Immediate | undefined;
  #ticksLeft = TICKS;

  /** @param onPassed called once, unless it is cleared before */
  constructor(ms: number, onPassed: () => void) {
    // A tick that comes late counts as one.
    this.#timer = setInterval(() => {
      this.#ticksLeft--;
      if (this.#ticksLeft > 0) return;
      clearInterval(this.#timer);
      this.#judging = afterArrivals(onPassed);
    }, ms / TICKS);
  }

  /** Can be called twice. */
  clear(): void {
    clearInterval(this.#timer);
    clearImmediate(this.#judging);
  }

  /** Does not keep the process alive. */
  unref(): this {
    this.#timer.unref();
    return this;
  }
}
