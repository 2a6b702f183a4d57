import { LastLines } from '../src/lib/last-lines.js';
import { WholeLines } from '../src/lib/whole-lines.js';

const TAIL_LINES = 200;
const TAIL_CHARS = 8 * 1024;

/**
 * What a child writes to stderr: its last lines, for error messages, and all of them for the log. Each is whole, because
 * the main thread takes secrets out, and would not recognise half of one.
 */
export class StderrLines {
  readonly #lines: WholeLines;
  readonly #last = new LastLines(TAIL_LINES, TAIL_CHARS);

  constructor(onLines: ((text: string) => void) | undefined) {
    this.#lines = new WholeLines((lines) => {
      for (const line of lines) this.#last.push(line);
      onLines?.(lines.join('\n'));
    });
  }

  get tail(): string {
    return [...this.#last.all, this.#lines.unfinished].join('\n').trim();
  }

  push(chunk: Buffer): void {
    this.#lines.push(chunk);
  }

  /** The stream has ended: what has no line end is a line all the same. Can be called twice. */
  end(): void {
    this.#lines.end();
  }
}
