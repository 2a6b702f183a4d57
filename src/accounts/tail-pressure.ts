import { LOSSLESS_BACKLOG, type TailSink } from './account.js';

/** What reads the peer. Both can be called twice. */
export interface Readers {
  pause(): void;
  resume(): void;
}

/**
 * Lets the peer wait while the consumer has no room, as TCP has it: nothing is lost then. A peer does not wait for
 * ever, so a pause has an end; from there on everything is read until there is room, and the sink drops the oldest.
 */
export class TailPressure {
  readonly #sink: TailSink;
  readonly #readers: Readers;
  readonly #maxPauseMs: number;
  /** `reading`: not any more while there is no room, because a pause took too long. */
  #state: 'flowing' | 'paused' | 'reading' | 'closed' = 'flowing';
  #timer: NodeJS.Timeout | undefined;

  constructor(sink: TailSink, readers: Readers, maxPauseMs: number) {
    this.#sink = sink;
    this.#readers = readers;
    this.#maxPauseMs = maxPauseMs;
  }

  /** Whether a reader that is new must not read yet. */
  get isPaused(): boolean {
    return this.#state === 'paused';
  }

  /** Called after each event that the sink was given. */
  pushed(): void {
    if (this.#state !== 'flowing' || (this.#sink.backlogLength ?? 0) <= LOSSLESS_BACKLOG) return;
    if (this.#sink.whenRoom === undefined) return;
    this.#state = 'paused';
    this.#readers.pause();
    this.#timer = setTimeout(() => this.#resume('reading'), this.#maxPauseMs).unref();
    this.#sink.whenRoom(() => this.#resume('flowing'));
  }

  /** Nothing is read any more. Can be called twice. */
  close(): void {
    clearTimeout(this.#timer);
    this.#state = 'closed';
  }

  #resume(state: 'flowing' | 'reading'): void {
    if (this.#state === 'closed') return;
    clearTimeout(this.#timer);
    const wasPaused = this.isPaused;
    this.#state = state;
    if (wasPaused) this.#readers.resume();
  }
}
