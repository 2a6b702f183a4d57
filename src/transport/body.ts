import { isAscii, isUtf8 } from 'node:buffer';
import { FrameError } from './frame-error.js';

/** A body as text. @throws FrameError `encoding-invalid` */
export function bodyText(bytes: Buffer, start: number, end: number, text?: string): string {
  if (text !== undefined) return text.substring(start, end);
  const body = bytes.subarray(start, end);
  if (isAscii(body)) return body.toString('latin1');
  if (!isUtf8(body))
    throw new FrameError('encoding-invalid', `A body of ${body.length} bytes is not valid UTF-8.`);
  return body.toString('utf8');
}

/** A body parsed as JSON. @throws FrameError `json-invalid` */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FrameError('json-invalid', `A body is not JSON: ${(error as Error).message}.`);
  }
}

const QUOTE = 34;
const BACKSLASH = 92;
const OPEN_BRACKET = 91;
const OPEN_BRACE = 123;
const CLOSE_BRACKET = 93;
const CLOSE_BRACE = 125;

/**
 * Whether JSON text nests deeper than `maxDepth`. A text with no more opening brackets than that cannot, so most
 * bodies are settled by counting those with a native search; only the others are walked through.
 */
export function isDeeperThan(text: string, maxDepth: number): boolean {
  if (text.length <= 2 * maxDepth) return false;
  if (!hasMoreThan(text, maxDepth)) return false;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (++depth > maxDepth) return true;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--;
  }
  return false;
}

function hasMoreThan(text: string, count: number): boolean {
  let seen = 0;
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      if (++seen > count) return true;
    }
  }
  return false;
}

function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
  return text.length;
}

/** @throws FrameError `depth-exceeded` */
export function checkDepth(text: string, maxDepth: number): void {
  if (isDeeperThan(text, maxDepth)) {
    throw new FrameError('depth-exceeded', `A body nests deeper than ${maxDepth} levels.`);
  }
}
