import type { Lane } from './lane.js';

/** Characters of stderr that may wait for the main thread. */
const MAX_WAITING_CHARS = 1024 * 1024;

/**
 * The way of the child's stderr to the main thread. A main thread that does not take it must not make it pile up: what
 * comes on top is left out, and counted. The child cannot be made to wait, because it writes to stderr synchronously.
 */
export class StderrFlow {
  readonly #lane: Pick<Lane, 'post'>;
  #waitingChars = 0;
  #leftOut = 0;

  constructor(lane: Pick<Lane, 'post'>) {
    this.#lane = lane;
  }

  /** Whole lines, without the last one's end. */
  send(text: string): void {
    if (this.#waitingChars + text.length > MAX_WAITING_CHARS) {
      this.#leftOut += text.split('\n').length;
      return;
    }
    this.#tellLeftOut();
    this.#waitingChars += text.length;
    this.#lane.post({ type: 'stderr', text });
  }

  /** The main thread has taken so many characters. */
  took(chars: number): void {
    this.#waitingChars -= chars;
    this.#tellLeftOut();
  }

  #tellLeftOut(): void {
    if (this.#leftOut === 0) return;
    const text = `(${this.#leftOut} lines were left out: they came faster than they were taken)`;
    this.#leftOut = 0;
    this.#waitingChars += text.length;
    this.#lane.post({ type: 'stderr', text });
  }
}
