import type { Writable } from 'node:stream';

/** A body with its header, as one string. */
export function frame(body: string): string {
  return `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

/** Frames that come together are written as one string of at most about this many characters. */
const FLUSH_LENGTH = 32 * 1024;

/**
 * Writes frames, coalesced: those of one tick leave in one write. A small message costs a string
 * concatenation, not a syscall. Order is kept.
 */
export class FrameWriter {
  readonly #stream: Writable;
  #pending = '';
  #scheduled = false;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** Bytes handed to the stream that the other side has not taken yet. */
  get backlogBytes(): number {
    return this.#stream.writableLength + this.#pending.length;
  }

  write(body: string): void {
    const text = frame(body);
    if (this.#pending.length + text.length > FLUSH_LENGTH) this.flush();
    this.#pending = this.#pending === '' ? text : this.#pending + text;
    if (this.#pending.length > FLUSH_LENGTH) this.flush();
    else if (!this.#scheduled) this.#schedule();
  }

  #schedule(): void {
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
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
