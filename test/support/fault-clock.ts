// Time that is turned by hand, for a whole process: timers and `performance.now()` obey it. setImmediate, microtasks and
// what Node times inside (sockets, `AbortSignal.timeout()`) stay real.

interface Timer {
  id: number;
  dueMs: number;
  everyMs: number | undefined;
  run(): void;
}

const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  setImmediate: globalThis.setImmediate,
  now: performance.now,
};

/** Lets everything run that needs no time to pass. */
export async function settle(turns = 4): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise<void>((resolve) => real.setImmediate(resolve));
}

/** What `setTimeout` gives. */
class VirtualTimeout {
  constructor(
    readonly id: number,
    private readonly start: () => void,
  ) {}

  refresh(): this {
    this.start();
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }
}

export class VirtualClock {
  #nowMs = 1_000_000;
  #nextId = 1;
  readonly #timers = new Map<number, Timer>();

  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Whether a timer waits that is due in exactly `ms`. */
  isWaitedFor(ms: number): boolean {
    return [...this.#timers.values()].some(({ dueMs }) => dueMs === this.#nowMs + ms);
  }

  /** @param fromMs shorter timers stay real: what they are set for comes as fast as the machine can */
  install(fromMs = 0): void {
    const add =
      (start: typeof setTimeout | typeof setInterval, repeats: boolean) =>
      (callback: (...args: unknown[]) => void, ms = 1, ...args: unknown[]) =>
        ms < fromMs
          ? start(callback, ms, ...args)
          : this.#add(() => callback(...args), Math.max(1, Math.min(ms, 2 ** 31 - 1)), repeats);
    const remove = (clear: typeof clearTimeout) => (timer: unknown) => {
      if (timer instanceof VirtualTimeout) this.#timers.delete(timer.id);
      else clear(timer as NodeJS.Timeout);
    };
    Object.assign(globalThis, {
      setTimeout: add(real.setTimeout, false),
      setInterval: add(real.setInterval, true),
      clearTimeout: remove(real.clearTimeout),
      clearInterval: remove(real.clearInterval),
    });
    performance.now = () => this.#nowMs;
  }

  uninstall(): void {
    const { now, setImmediate: _, ...timers } = real;
    Object.assign(globalThis, timers);
    performance.now = now;
  }

  #add(run: () => void, ms: number, repeats: boolean) {
    const id = this.#nextId++;
    const start = () =>
      this.#timers.set(id, { id, dueMs: this.#nowMs + ms, everyMs: repeats ? ms : undefined, run });
    start();
    return new VirtualTimeout(id, start);
  }

  /** Time passes; each timer runs when it is due, and what it set off before the next one. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const next = this.#nextDue(untilMs);
      if (next === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, next);
      this.#runDue();
      await settle(2);
    }
    this.#nowMs = untilMs;
    await settle();
  }

  /** Time passes in which nothing ran, as when the machine sleeps: each timer that was due then runs once, late. */
  async leap(ms: number): Promise<void> {
    this.#nowMs += ms;
    this.#runDue();
    await settle();
  }

  #nextDue(untilMs: number): number | undefined {
    let next: number | undefined;
    for (const { dueMs } of this.#timers.values()) {
      if (dueMs <= untilMs && (next === undefined || dueMs < next)) next = dueMs;
    }
    return next;
  }

  #runDue(): void {
    const due = [...this.#timers.values()].filter(({ dueMs }) => dueMs <= this.#nowMs);
    due.sort((a, b) => a.dueMs - b.dueMs || a.id - b.id);
    for (const timer of due) {
      // One that ran before may have cleared this one.
      if (!this.#timers.has(timer.id)) continue;
      if (timer.everyMs === undefined) this.#timers.delete(timer.id);
      else timer.dueMs = this.#nowMs + timer.everyMs;
      timer.run();
    }
  }
}
