const MAX_QUOTED_CHARS = 1000;

/** The last lines of an output, each of them whole. The newest is kept however long it is. */
export class LastLines {
  readonly #maxLines: number;
  readonly #maxChars: number;
  #lines: string[] = [];
  #chars = 0;

  constructor(maxLines: number, maxChars: number) {
    this.#maxLines = maxLines;
    this.#maxChars = maxChars;
  }

  push(line: string): void {
    this.#lines.push(line);
    this.#chars += line.length + 1;
    while (this.#lines.length > 1 && (this.#lines.length > this.#maxLines || this.#chars > this.#maxChars)) {
      this.#chars -= (this.#lines.shift() ?? '').length + 1;
    }
  }

  /** The newest line where it is short enough for a message. Half of it could be half of a secret. */
  get quotable(): string | undefined {
    const newest = this.#lines.at(-1);
    return newest !== undefined && newest.length <= MAX_QUOTED_CHARS ? newest : undefined;
  }

  /** Oldest first. */
  get all(): readonly string[] {
    return this.#lines;
  }
}
