import type { Writable } from 'node:stream';

/** A body with its header, as one string. */
export function frame(body: string): string {
  return `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

/**
 * The first write of a tick leaves at about this many characters, each that follows at twice as many as the one before:
 * the other side begins early on a burst, and a large one costs few writes.
 */
const FIRST_FLUSH_LENGTH = 4 * 1024;
const LAST_FLUSH_LENGTH = 64 * 1024;

/**
 * Writes frames, coalesced: those of one tick leave in one write. A small message costs a string
 * concatenation, not a syscall. Order is kept.
 */
export class FrameWriter {
  readonly #stream: Writable;
  #pending = '';
  #scheduled = false;
  #flushLength = FIRST_FLUSH_LENGTH;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** Bytes handed to the stream that the other side has not taken yet. */
  get backlogBytes(): number {
    return this.#stream.writableLength + this.#pending.length;
  }

  write(body: string): void {
    const text = frame(body);
    if (this.#pending.length + text.length > LAST_FLUSH_LENGTH) this.flush();
    this.#pending = this.#pending === '' ? text : this.#pending + text;
    if (!this.#scheduled) this.#schedule();
    if (this.#pending.length < this.#flushLength) return;
    this.flush();
    this.#flushLength = Math.min(2 * this.#flushLength, LAST_FLUSH_LENGTH);
  }

  #schedule(): void {
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      this.#flushLength = FIRST_FLUSH_LENGTH;
      this.flush();
    });
  }

  /** Hands everything to the stream now. */
  flush(): void {
    if (this.#pending === '') return;
    const text = this.#pending;
    this.#pending = '';
    // One byte a character is cheaper to write than UTF-8; the two agree when the lengths do.
    const ascii = Buffer.byteLength(text) === text.length;
    this.#stream.write(text, ascii ? 'latin1' : 'utf8');
  }

  /** Resolves when all that was written has left this process. @throws the stream's error */
  drained(): Promise<void> {
    this.flush();
    return new Promise((resolve, reject) => {
      this.#stream.write('', (error) => (error ? reject(error) : resolve()));
    });
  }
}
