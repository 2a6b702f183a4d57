import { styleText } from 'node:util';
import { Redactor } from '../protocol/index.js';

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** stdout and stderr of a command. What is printed to a pipe that nobody reads any more is dropped. */
export class Terminal {
  readonly #closed: () => void;
  #stdoutGone = false;
  /** What it knows is blacked out on stderr. */
  readonly redactor = new Redactor([]);

  /** @param closed called once when the reader of stdout is gone (as in `| head`). */
  constructor(closed: () => void) {
    this.#closed = closed;
    process.stdout.on('error', this.#onStdoutError);
    process.stderr.on('error', this.#onStderrError);
  }

  get isInteractive(): boolean {
    return process.stderr.isTTY === true;
  }

  /** Columns of the terminal; undefined where the output is not one, and nothing is cut. */
  get width(): number | undefined {
    return process.stdout.isTTY ? process.stdout.columns : undefined;
  }

  /** Resolves when the text was handed on, so that a slow reader slows us down. */
  print(text: string | Uint8Array): Promise<void> {
    if (this.#stdoutGone) return Promise.resolve();
    return new Promise((resolve) => process.stdout.write(text, () => resolve()));
  }

  /** From now on these are blacked out on stderr. */
  hide(secrets: readonly string[]): void {
    this.redactor.learn(secrets);
  }

  printError(line: string): void {
    process.stderr.write(`${this.redactor.text(line)}\n`);
  }

  /** The text in a style where stdout is a terminal and NO_COLOR is not set. */
  style(style: Style, text: string): string {
    return process.stdout.isTTY && !process.env.NO_COLOR ? styleText(style, text) : text;
  }

  release(): void {
    process.stdout.off('error', this.#onStdoutError);
    process.stderr.off('error', this.#onStderrError);
    // An error that comes after the command's end must not become an uncaught one.
    process.stdout.on('error', ignore);
    process.stderr.on('error', ignore);
  }

  readonly #onStdoutError = (error: NodeJS.ErrnoException) => {
    this.#stdoutGone = true;
    if (error.code !== 'EPIPE') this.printError(`error: stdout cannot be written: ${error.message}`);
    this.#closed();
  };

  readonly #onStderrError = ignore;
}

function ignore(): void {}
