import { TAIL_WINDOW_BYTES } from '../src/transport/credit-window.js';
import { gapBatch, TailBatch } from './tail-batch.js';

/** What lies here for a reader that stays away, when each of many connections has sent its window. */
const MAX_BYTES = 4 * TAIL_WINDOW_BYTES;

/** A batch and the tail it came from; without one no connection waits for credit. */
export interface FeedEntry {
  batch: TailBatch;
  tailId: string | undefined;
}

/** The batches between the connection and the reader: past a bound the oldest are given up, counted in the next. */
export class TailFeed {
  #entries: FeedEntry[] = [];
  #bytes = 0;

  /** @returns what had to be given up for it, with the number of its events */
  push(entry: FeedEntry): (FeedEntry & { events: number })[] {
    const last = this.#entries.at(-1);
    if (last?.batch.gap !== undefined && last.batch.gap.reason === entry.batch.gap?.reason) {
      // Nothing between two gaps: one tells as much.
      this.#entries.pop();
      this.#bytes -= last.batch.bytes.length;
      entry = { ...entry, batch: withDropped(entry.batch, last.batch.dropped) };
    }
    this.#entries.push(entry);
    this.#bytes += entry.batch.bytes.length;
    return this.#trim();
  }

  shift(): FeedEntry | undefined {
    const entry = this.#entries.shift();
    this.#bytes -= entry?.batch.bytes.length ?? 0;
    return entry;
  }

  clear(): void {
    this.#entries = [];
    this.#bytes = 0;
  }

  #trim(): (FeedEntry & { events: number })[] {
    const lost: (FeedEntry & { events: number })[] = [];
    let gap: TailBatch['gap'];
    let dropped = 0;
    while (this.#bytes > MAX_BYTES && this.#entries.length > 1) {
      const entry = this.shift() as FeedEntry;
      const events = entry.batch.events().length;
      gap ??= entry.batch.gap;
      dropped += entry.batch.dropped + events;
      lost.push({ ...entry, events });
    }
    const first = this.#entries[0];
    if (lost.length === 0 || first === undefined) return lost;
    // A gap never vanishes: several become one.
    if (gap !== undefined && first.batch.gap === undefined)
      this.#unshift({ batch: gapBatch(gap.reason, 0, dropped), tailId: undefined });
    else this.#entries[0] = { ...first, batch: withDropped(first.batch, dropped) };
    return lost;
  }

  #unshift(entry: FeedEntry): void {
    this.#entries.unshift(entry);
    this.#bytes += entry.batch.bytes.length;
  }
}

function withDropped(batch: TailBatch, more: number): TailBatch {
  return new TailBatch(batch.seq, batch.dropped + more, batch.bytes, batch.gap);
}
