import { StringDecoder } from 'node:string_decoder';

/** The longest line that is handed on, in characters. */
export const MAX_LINE_CHARS = 64 * 1024;

/**
 * Splits what comes in chunks into lines. A line is handed on whole or not at all, because a redactor does not
 * recognise the two halves of a secret. In the place of a longer line stands a note of its length.
 */
export class WholeLines {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLines: (lines: string[]) => void;
  #parts: string[] = [];
  #length = 0;
  #endedWithReturn = false;

  /** @param onLines gets the lines that a chunk completes, without their ends; never an empty list */
  constructor(onLines: (lines: string[]) => void) {
    this.#onLines = onLines;
  }

  push(chunk: Buffer): void {
    let text = this.#decoder.write(chunk);
    if (text === '') return;
    // The line ended with the carriage return already.
    if (this.#endedWithReturn && text.startsWith('\n')) text = text.slice(1);
    this.#endedWithReturn = text.endsWith('\r');
    const pieces = text.split(/\r\n|\n|\r/);
    const rest = pieces.pop() ?? '';
    const lines = pieces.map((piece) => this.#complete(piece));
    this.#add(rest);
    if (lines.length > 0) this.#onLines(lines);
  }

  /** The line that has no end yet. */
  get unfinished(): string {
    return this.#length > MAX_LINE_CHARS ? leftOut(this.#length) : this.#parts.join('');
  }

  /** The stream has ended: what has no line end is a line all the same. Can be called twice. */
  end(): void {
    this.#add(this.#decoder.end());
    if (this.#length > 0) this.#onLines([this.#complete('')]);
  }

  #complete(last: string): string {
    this.#add(last);
    const line = this.unfinished;
    this.#parts = [];
    this.#length = 0;
    return line;
  }

  #add(piece: string): void {
    this.#length += piece.length;
    if (this.#length > MAX_LINE_CHARS) this.#parts = [];
    else if (piece !== '') this.#parts.push(piece);
  }
}

function leftOut(length: number): string {
  return `[a line of ${length} characters is left out]`;
}
