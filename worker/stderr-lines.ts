import { StringDecoder } from 'node:string_decoder';

const TAIL_LENGTH = 4096;
/** A line longer than this is handed on in pieces. */
const MAX_LINE_LENGTH = 64 * 1024;

/**
 * What a child writes to stderr: its end, for error messages, and whole lines for the log. Whole, because a secret
 * that is cut in two would not be recognised there.
 */
export class StderrLines {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLines: ((text: string) => void) | undefined;
  #tail = '';
  #rest = '';

  constructor(onLines: ((text: string) => void) | undefined) {
    this.#onLines = onLines;
  }

  get tail(): string {
    return this.#tail.trim();
  }

  push(chunk: Buffer): void {
    const text = this.#decoder.write(chunk);
    this.#tail = (this.#tail + text).slice(-TAIL_LENGTH);
    if (this.#onLines === undefined) return;
    this.#rest += text;
    const end = this.#rest.length > MAX_LINE_LENGTH ? this.#rest.length : this.#rest.lastIndexOf('\n');
    if (end === -1) return;
    this.#onLines(this.#rest.slice(0, end));
    this.#rest = this.#rest.slice(end + 1);
  }

  /** The stream has ended: what has no line end is a line all the same. Can be called twice. */
  end(): void {
    if (this.#rest !== '') this.#onLines?.(this.#rest);
    this.#rest = '';
  }
}
