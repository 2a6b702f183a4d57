/**
 * Gathers messages to the child and hands them on together, once a tick, a message a line. JSON has no bare line feed,
 * so one can stand between two bodies.
 */
export class Outbox {
  readonly #send: (bodies: string) => void;
  #bodies = '';
  #scheduled = false;

  constructor(send: (bodies: string) => void) {
    this.#send = send;
  }

  add(body: string): void {
    this.#bodies = this.#bodies === '' ? body : `${this.#bodies}\n${body}`;
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      const bodies = this.#bodies;
      this.#bodies = '';
      this.#send(bodies);
    });
  }
}
