import { createHash } from 'node:crypto';

/** How many events one session may have that the other has not; past it the oldest of them are forgotten. */
const MAX_EVENTS = 100_000;

/**
 * Two sessions of one tail, the old and the new one, while both deliver. Events have no id, but the same one has the
 * same text in both: each text passes as often as it came in the session that had it more often.
 */
export class TailOverlap {
  /** By how many copies of a text the old session is ahead of the new one; below 0 it is behind. 0 is not kept. */
  readonly #ahead = new Map<string, number>();

  /** Whether the event was not passed on yet. */
  passes(session: 'old' | 'new', text: string): boolean {
    const step = session === 'old' ? 1 : -1;
    const key = createHash('sha1').update(text).digest('base64');
    const ahead = this.#ahead.get(key) ?? 0;
    // Set anew, so that the map is in the order of the last copies.
    this.#ahead.delete(key);
    if (ahead + step !== 0) this.#ahead.set(key, ahead + step);
    if (this.#ahead.size > MAX_EVENTS) this.#forgetOldest();
    return ahead * step >= 0;
  }

  #forgetOldest(): void {
    for (const key of this.#ahead.keys()) {
      this.#ahead.delete(key);
      return;
    }
  }
}
