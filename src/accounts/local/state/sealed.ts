import { createHash } from 'node:crypto';
import { StateProblem } from './problem.js';

/** A header line with the format and the checksum of what follows, then the body as one line of JSON. */
export function seal(format: number, body: unknown): string {
  const text = JSON.stringify(body);
  return `${JSON.stringify({ format, sha256: sha256(text) })}\n${text}\n`;
}

/**
 * What a sealed text holds.
 * @param newest the newest format that is known; what a newer one looks like behind its header is not
 * @throws StateProblem
 */
export function unseal(text: string, newest: number): { format: number; body: unknown } {
  const [head = '', body = '', ...rest] = text.split('\n');
  const { format, sha256: sum } = headerOf(head);
  if (typeof format === 'number' && format > newest) {
    throw new StateProblem(
      'newer',
      `was written in format ${format}; this fluorite-flake knows formats up to ${newest}`,
    );
  }
  if (!Number.isInteger(format) || (format as number) < 1) {
    throw new StateProblem('damaged', 'has no format that any version of fluorite-flake wrote');
  }
  if (rest.join('\n') !== '' || rest.length !== 1 || sum !== sha256(body)) {
    throw new StateProblem('damaged', 'does not match its checksum');
  }
  return { format: format as number, body: parsed(body) };
}

function headerOf(line: string): { format?: unknown; sha256?: unknown } {
  const header = parsed(line);
  if (typeof header === 'object' && header !== null) return header;
  throw new StateProblem('damaged', 'does not begin with the header of a state');
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // The parser's own message quotes the text, and with it perhaps a secret.
    throw new StateProblem('damaged', 'is not JSON');
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
