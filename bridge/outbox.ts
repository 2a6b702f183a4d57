/**
 * The first message of a tick leaves at about this many characters, each that follows at twice as many as the one
 * before: the thread begins early on a burst, and a large one costs few messages.
 */
const FIRST_LENGTH = 4 * 1024;
const LAST_LENGTH = 256 * 1024;

/**
 * Gathers messages to the child and hands them on together, a message a line: those of one tick, in more than one go
 * when they are many. JSON has no bare line feed, so one can stand between two bodies.
 */
export class Outbox {
  readonly #send: (bodies: string) => void;
  #bodies = '';
  #scheduled = false;
  #length = FIRST_LENGTH;

  constructor(send: (bodies: string) => void) {
    this.#send = send;
  }

  add(body: string): void {
    this.#bodies = this.#bodies === '' ? body : `${this.#bodies}\n${body}`;
    if (!this.#scheduled) this.#schedule();
    if (this.#bodies.length < this.#length) return;
    this.#flush();
    this.#length = Math.min(2 * this.#length, LAST_LENGTH);
  }

  #schedule(): void {
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      this.#length = FIRST_LENGTH;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#bodies === '') return;
    const bodies = this.#bodies;
    this.#bodies = '';
    this.#send(bodies);
  }
}
