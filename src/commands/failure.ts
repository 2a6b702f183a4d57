import { ERRORS, SidecarError } from '../protocol/index.js';
import type { Terminal } from './terminal.js';

/**
 * Prints an error to stderr: `error: <message> (<code>)`, or with `json` one line `{"error": {code, message, data}}`.
 * @returns the exit code: 2 for a command line that cannot be carried out, else 1.
 */
export function reportFailure(error: unknown, terminal: Terminal, json: boolean, debug: boolean): number {
  const failure = SidecarError.from(error);
  const { code, message, data } = failure;
  terminal.printError(
    json ? JSON.stringify({ error: { code, message, data } }) : `error: ${message} (${code})`,
  );
  if (debug) terminal.printError(stacks(failure));
  return ERRORS[code].exitCode;
}

function stacks(error: unknown): string {
  if (!(error instanceof Error)) return '';
  return [error.stack, error.cause === undefined ? '' : `caused by: ${stacks(error.cause)}`]
    .join('\n')
    .trim();
}
