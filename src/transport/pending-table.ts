/** Slots of the table itself; a power of two, larger than calls are usually in flight at once. */
const SLOTS = 4096;

/**
 * What waits for an answer, by its id. Ids are whole numbers that grow by `step`.
 *
 * A Map would do, but for one thing: at 100,000 calls a second it is rehashed all the time, and every table it leaves
 * behind keeps what it held alive until the next full collection. Here an entry has a slot by its id; one that is
 * still there when its slot is wanted again (a call that takes long) moves to a Map.
 */
export class PendingTable<T extends { readonly id: number }> {
  readonly #slots: (T | undefined)[] = new Array<T | undefined>(SLOTS).fill(undefined);
  readonly #slow = new Map<number, T>();
  readonly #step: number;
  #size = 0;

  constructor(step: number) {
    this.#step = step;
  }

  get size(): number {
    return this.#size;
  }

  add(entry: T): void {
    const slot = this.#slotOf(entry.id);
    const before = this.#slots[slot];
    if (before !== undefined) this.#slow.set(before.id, before);
    this.#slots[slot] = entry;
    this.#size++;
  }

  get(id: number): T | undefined {
    const entry = this.#slots[this.#slotOf(id)];
    return entry?.id === id ? entry : this.#slow.get(id);
  }

  /** Takes an entry out. */
  take(id: number): T | undefined {
    const slot = this.#slotOf(id);
    const entry = this.#slots[slot];
    if (entry?.id === id) {
      this.#slots[slot] = undefined;
      this.#size--;
      return entry;
    }
    const slow = this.#slow.get(id);
    if (slow !== undefined) {
      this.#slow.delete(id);
      this.#size--;
    }
    return slow;
  }

  /** All entries in the order they were added, as they are now. */
  entries(): T[] {
    const all = [...this.#slow.values(), ...this.#slots.filter((entry) => entry !== undefined)];
    return all.sort((a, b) => a.id - b.id);
  }

  #slotOf(id: number): number {
    return Math.floor(id / this.#step) & (SLOTS - 1);
  }
}
