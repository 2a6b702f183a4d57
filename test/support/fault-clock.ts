// Time that is turned by hand, for a whole process: timers and `performance.now()` obey it, setImmediate and microtasks
// stay real.

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

  install(): void {
    const add =
      (repeats: boolean) =>
      (callback: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) =>
        this.#add(() => callback(...args), Math.max(1, Math.min(ms ?? 1, 2 ** 31 - 1)), repeats);
    const remove = (timer: { id?: number } | undefined) => {
      if (timer?.id !== undefined) this.#timers.delete(timer.id);
    };
    Object.assign(globalThis, {
      setTimeout: add(false),
      setInterval: add(true),
      clearTimeout: remove,
      clearInterval: remove,
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
    this.#timers.set(id, { id, dueMs: this.#nowMs + ms, everyMs: repeats ? ms : undefined, run });
    const handle = { id, unref: () => handle, ref: () => handle, hasRef: () => true };
    return handle;
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
