import { ROOM_BACKLOG, type TailSink } from '../accounts/account.js';
import { SidecarError } from '../protocol/index.js';

/** Stands among the events of a page where some may be missing, uncounted. */
export const GAP = '';

/** Events that came together, and how many were left out before them. */
export interface TailPage {
  events: string[];
  dropped: number;
}

/**
 * Trace events between an account and a terminal: at most `maxCharacters` wait, then the oldest are dropped and counted.
 * Iterating gives what waits, page by page, until the source ends or `stop()`.
 */
export class TailQueue implements TailSink, AsyncIterable<TailPage> {
  readonly #maxCharacters: number;
  #events: string[] = [];
  /** Those of the events that stand for a gap. */
  readonly #gaps = new Set([GAP]);
  #characters = 0;
  #dropped = 0;
  #ended = false;
  #failure: SidecarError | undefined;
  #wake = () => {};
  #onRoom = () => {};

  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters;
  }

  get backlogLength(): number {
    return this.#characters;
  }

  whenRoom(then: () => void): void {
    if (this.#characters <= ROOM_BACKLOG) then();
    else this.#onRoom = then;
  }

  push(eventJson: string): void {
    if (this.#ended) return;
    this.#events.push(eventJson);
    this.#characters += eventJson.length;
    if (this.#characters > this.#maxCharacters) this.#dropOldest();
    this.#wake();
  }

  gap(eventJson: string = GAP): void {
    this.#gaps.add(eventJson);
    this.push(eventJson);
  }

  dropped(count: number): void {
    this.#dropped += count;
    this.#wake();
  }

  end(reason: Parameters<TailSink['end']>[0], error?: Parameters<TailSink['end']>[1]): void {
    const detail = error ? `: ${error.message} (${error.code})` : '';
    const code = reason === 'worker-deleted' ? 'not-found' : 'connection-lost';
    this.#failure = new SidecarError(code, `The tail ended (${reason})${detail}.`, { data: { reason } });
    this.stop();
  }

  /** Ends the iteration behind what already waits. Can be called twice. */
  stop(): void {
    this.#ended = true;
    this.#wake();
  }

  /** @throws SidecarError when the source ended by itself */
  async *[Symbol.asyncIterator](): AsyncGenerator<TailPage> {
    for (;;) {
      if (this.#events.length > 0 || this.#dropped > 0) yield this.#take();
      else if (this.#ended) break;
      else await this.#news();
    }
    if (this.#failure) throw this.#failure;
  }

  #take(): TailPage {
    const page = { events: this.#events, dropped: this.#dropped };
    this.#events = [];
    this.#characters = 0;
    this.#dropped = 0;
    this.#gaps.clear();
    this.#gaps.add(GAP);
    const onRoom = this.#onRoom;
    this.#onRoom = () => {};
    onRoom();
    return page;
  }

  /** Down to half of the room, so that the cost is paid once for many events. */
  #dropOldest(): void {
    let count = 0;
    while (count < this.#events.length - 1 && this.#characters > this.#maxCharacters / 2) {
      this.#characters -= this.#events[count++]?.length ?? 0;
    }
    const oldest = this.#events.splice(0, count);
    this.#dropped += oldest.filter((event) => !this.#gaps.has(event)).length;
    // A gap never vanishes: several become one.
    const gap = oldest.findLast((event) => this.#gaps.has(event));
    if (gap === undefined || this.#gaps.has(this.#events[0] as string)) return;
    this.#events.unshift(gap);
    this.#characters += gap.length;
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
