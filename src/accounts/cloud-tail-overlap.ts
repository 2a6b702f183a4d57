import { createHash } from 'node:crypto';

/** Past this many events the overlap is too busy to be told apart, and some may come twice. */
const MAX_EVENTS = 100_000;

/**
 * Two sessions of one tail, the old and the new one, while both deliver. Events have no id, but the same one has the
 * same text in both: each text passes as often as it came in the session that had it more often.
 */
export class TailOverlap {
  readonly #seen = new Map<string, { old: number; new: number }>();

  /** Whether the event was not passed on yet. */
  passes(session: 'old' | 'new', text: string): boolean {
    const key = createHash('sha1').update(text).digest('base64');
    const counts = this.#seen.get(key) ?? { old: 0, new: 0 };
    const passed = Math.max(counts.old, counts.new);
    counts[session] += 1;
    if (this.#seen.size < MAX_EVENTS || this.#seen.has(key)) this.#seen.set(key, counts);
    return counts[session] > passed;
  }
}
