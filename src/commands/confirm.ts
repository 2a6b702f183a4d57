import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

export interface ConfirmStreams {
  input: Readable & { isTTY?: boolean };
  /** Where the question goes: stderr, since stdout is for results. */
  output: Writable & { isTTY?: boolean };
}

/**
 * Asks a person. Anything but a yes, the end of the input included, is a no; where nobody sits at a terminal nobody is
 * asked, and the answer is yes.
 */
export async function confirm(
  question: string,
  { input, output }: ConfirmStreams,
  signal: AbortSignal,
): Promise<boolean> {
  if (!input.isTTY || !output.isTTY) return true;
  output.write(`${question} [y/N] `);
  // Without the terminal mode of readline Ctrl-C stays the signal that it is for every command.
  const lines = createInterface({ input, terminal: false, signal });
  try {
    const answer = await new Promise<string>((resolve) => {
      lines.once('line', resolve);
      lines.once('close', () => resolve(''));
    });
    return /^\s*y(es)?\s*$/i.test(answer);
  } finally {
    lines.close();
  }
}
