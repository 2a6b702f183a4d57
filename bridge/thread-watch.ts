import { afterArrivals } from '../src/lib/time.js';

/** Looks at the thread within one deadline. */
const TICKS = 4;

export interface ThreadWatchOptions {
  /** How long the thread may leave a ping unanswered. */
  timeoutMs: number;
  /** Resolves when the thread has run its event loop once. */
  ping(): Promise<unknown>;
  /** Called once: the thread does not run its event loop any more. */
  onSilent(silentMs: number): void;
}

/**
 * Notices a thread that lives and does nothing: the heartbeat of the CLI runs in it, and would stand still with it.
 * One message now and then is all it costs. A tick that comes late means that this thread itself did not run, and
 * perhaps nothing else did: then the deadline begins anew.
 */
export class ThreadWatch {
  readonly #options: ThreadWatchOptions;
  readonly #intervalMs: number;
  readonly #timer: NodeJS.Timeout;
  #lastTickMs = performance.now();
  /** When the ping was sent that has not been answered. */
  #pingedMs: number | undefined;
  #isStopped = false;

  constructor(options: ThreadWatchOptions) {
    this.#options = options;
    this.#intervalMs = Math.max(1, Math.floor(options.timeoutMs / TICKS));
    this.#timer = setInterval(() => afterArrivals(() => this.#tick()), this.#intervalMs);
    this.#timer.unref();
  }

  /** Can be called twice. */
  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }

  #tick(): void {
    if (this.#isStopped) return;
    const nowMs = performance.now();
    const isLate = nowMs - this.#lastTickMs > 2 * this.#intervalMs;
    this.#lastTickMs = nowMs;
    if (this.#pingedMs === undefined) this.#ping(nowMs);
    else if (isLate) this.#pingedMs = nowMs;
    else if (nowMs - this.#pingedMs >= this.#options.timeoutMs) {
      this.stop();
      this.#options.onSilent(nowMs - this.#pingedMs);
    }
  }

  #ping(nowMs: number): void {
    this.#pingedMs = nowMs;
    this.#options.ping().then(
      () => {
        this.#pingedMs = undefined;
      },
      // A thread that died has told so itself.
      () => this.stop(),
    );
  }
}
