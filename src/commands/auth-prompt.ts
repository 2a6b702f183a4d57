import type { Readable, Writable } from 'node:stream';
import { SidecarError } from '../protocol/index.js';

/** A terminal's input. */
export type TerminalInput = Readable & { setRawMode(mode: boolean): unknown };

const MAX_CHARACTERS = 4096;

/**
 * Asks for a secret on a terminal without showing it.
 * @throws SidecarError `cancelled` at Ctrl-C, Ctrl-D or an abort of `signal`
 */
export async function promptHidden(
  question: string,
  input: TerminalInput,
  output: Writable,
  signal: AbortSignal,
): Promise<string> {
  output.write(question);
  input.setRawMode(true);
  input.setEncoding('utf8');
  try {
    return await readLine(input, signal);
  } finally {
    input.setRawMode(false);
    input.pause();
    output.write('\n');
  }
}

function readLine(input: Readable, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const finish = (settle: () => void) => {
      input.off('data', onData).off('end', onCancel).off('error', reject);
      signal.removeEventListener('abort', onCancel);
      settle();
    };
    const onCancel = () =>
      finish(() => reject(new SidecarError('cancelled', 'Signing in was cancelled; nothing was stored.')));
    const onData = (typed: string) => {
      for (const character of typed) {
        // Enter; Ctrl-C and Ctrl-D; Backspace; Ctrl-U.
        if (character === '\r' || character === '\n') return finish(() => resolve(text.trim()));
        if (character === '\u0003' || character === '\u0004') return onCancel();
        if (character === '\u007f' || character === '\b') text = text.slice(0, -1);
        else if (character === '\u0015') text = '';
        else if (character >= ' ' && text.length < MAX_CHARACTERS) text += character;
      }
    };
    input.on('data', onData).once('end', onCancel).once('error', reject);
    signal.addEventListener('abort', onCancel, { once: true });
    if (signal.aborted) onCancel();
    input.resume();
  });
}
