import { judgeAfter, type Timer } from '../lib/time.js';

/** A signal that aborts after a time, or with another one; the time can be started anew. */
export class Deadline {
  readonly ms: number;
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  #timer: Timer | undefined;
  #isOver = false;

  constructor(ms: number, outer: AbortSignal) {
    this.ms = ms;
    this.#outer = outer;
    outer.addEventListener('abort', this.#follow, { once: true });
    if (outer.aborted) this.#follow();
    this.restart(ms);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether the time has run out. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Gives `ms` from now. */
  restart(ms: number): void {
    this.#timer?.clear();
    this.#timer = judgeAfter(ms, () => {
      this.#isOver = true;
      this.#controller.abort();
    });
  }

  /** Stops the time; `restart` starts it anew. */
  pause(): void {
    this.#timer?.clear();
  }

  /** Nothing is waited for any more. Can be called twice. */
  clear(): void {
    this.#timer?.clear();
    this.#outer.removeEventListener('abort', this.#follow);
  }

  readonly #follow = () => this.#controller.abort(this.#outer.reason);
}

/** @throws the signal's reason when it aborts */
export async function abortableSleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw signal.reason;
  await new Promise<void>((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
