import type { NotificationParams } from '../protocol/index.js';

type Progress = NotificationParams<'$/progress'>['value'];

/** Reports that leave at once, each by itself; so many more have room after a pause. */
const BURST = 50;
/** How often a report leaves after that. */
const INTERVAL_MS = 100;

export interface ProgressOptions {
  send(value: Progress): void;
  /** False while answers wait in the pipe: reports give way to them. */
  isIdle(): boolean;
}

/**
 * The progress of one call. A build may print hundreds of thousands of lines: past a burst the newest report stands for
 * those before it, which are counted in its `merged`. The last one always leaves before the answer.
 */
export class ProgressReports {
  readonly #options: ProgressOptions;
  #room = BURST;
  #roomAtMs = performance.now();
  #held: Progress | undefined;
  #merged = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  report(value: Progress): void {
    if (this.#held !== undefined) this.#merged++;
    this.#held = value;
    this.#sendWithRoom();
  }

  /** Sends what is held. To be called before the answer; can be called twice. */
  end(): void {
    clearInterval(this.#timer);
    this.#send();
  }

  #sendWithRoom(): void {
    this.#gainRoom();
    if (this.#room >= 1 && this.#options.isIdle()) {
      this.#room--;
      clearInterval(this.#timer);
      this.#timer = undefined;
      this.#send();
    } else this.#timer ??= setInterval(() => this.#sendWithRoom(), INTERVAL_MS).unref();
  }

  #gainRoom(): void {
    const nowMs = performance.now();
    this.#room = Math.min(BURST, this.#room + (nowMs - this.#roomAtMs) / INTERVAL_MS);
    this.#roomAtMs = nowMs;
  }

  #send(): void {
    if (this.#held === undefined) return;
    this.#options.send(this.#merged === 0 ? this.#held : { ...this.#held, merged: this.#merged });
    this.#held = undefined;
    this.#merged = 0;
  }
}
