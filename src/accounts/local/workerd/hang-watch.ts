import { Deadline } from '../../../lib/time.js';

/**
 * Notices a process that does not react any more: one Worker that loops for ever takes every other one of its
 * process along. While there is work, the process is asked from time to time whether it is there.
 */
export class HangWatch {
  #timer: NodeJS.Timeout | undefined;
  #probing = false;

  /**
   * @param limitMs how long an answer may take. Node's clock does not count a laptop's sleep.
   * @param isBusy whether there is something to wait for; the watch ends when there is not
   * @param probe resolves when the process answers; rejects when `signal` aborts, or the process is gone
   * @param onHang called when no answer came in time
   */
  constructor(
    private readonly limitMs: number,
    private readonly isBusy: () => boolean,
    private readonly probe: (signal: AbortSignal) => Promise<void>,
    private readonly onHang: () => void,
  ) {}

  /** Watches while there is work. Cheap when it does so already. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => void this.#look(), this.limitMs / 2);
    this.#timer.unref();
  }

  /** Can be called twice. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    if (!this.isBusy()) return this.stop();
    if (this.#probing) return;
    this.#probing = true;
    const late = new AbortController();
    // What stopped this process may have stopped that one too: such time is not held against it.
    const deadline = new Deadline(this.limitMs, () => late.abort()).unref();
    try {
      await this.probe(late.signal);
    } catch {
      // Any other failure is the process's end, which its owner sees.
      if (late.signal.aborted && this.#timer !== undefined) this.onHang();
    } finally {
      deadline.clear();
      this.#probing = false;
    }
  }
}
