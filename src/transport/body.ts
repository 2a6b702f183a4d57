import { isAscii, isUtf8 } from 'node:buffer';
import { FrameError } from './frame-error.js';

/** A body as text. @throws FrameError `encoding-invalid` */
export function bodyText(bytes: Buffer, start: number, end: number, text?: string): string {
  if (text !== undefined) return text.substring(start, end);
  const body = bytes.subarray(start, end);
  if (isAscii(body)) return body.toString('latin1');
  checkEncoding(body);
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

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Most strings end within this. */
const NEAR_BYTES = 256;
/** `[` and `{` differ from each other in this bit alone, and so do `]` and `}`. */
const BRACE_BIT = 0x20;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Whether the JSON text `bytes[start, end)` nests deeper than `maxDepth`. One pass, about a nanosecond a byte. */
export function isDeeperThan(bytes: Buffer, start: number, end: number, maxDepth: number): boolean {
  // An opening bracket of each level and a closing one.
  if (end - start <= 2 * maxDepth) return false;
  let depth = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte === QUOTE) {
      i = endOfString(bytes, i + 1, end);
      continue;
    }
    const bracket = byte | BRACE_BIT;
    if (bracket === OPEN_BRACE) {
      if (++depth > maxDepth) return true;
    } else if (bracket === CLOSE_BRACE) depth--;
  }
  return false;
}

/** Where the string that begins at `from` ends: its closing quote, or `end`. */
function endOfString(bytes: Buffer, from: number, end: number): number {
  let i = from;
  for (;;) {
    const near = Math.min(end, i + NEAR_BYTES);
    for (; i < near; i++) {
      const byte = bytes[i];
      if (byte === QUOTE) return i;
      if (byte === BACKSLASH) i++;
    }
    if (i >= end) return end;
    // A long string: the native search is faster, but not to start. The quote it finds may be an escaped one.
    const quote = bytes.indexOf(QUOTE, i);
    if (quote === -1 || quote >= end) return end;
    let backslashes = 0;
    while (quote - backslashes > i && bytes[quote - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote;
    i = quote + 1;
  }
}

/** @throws FrameError `depth-exceeded` */
export function checkDepth(bytes: Buffer, start: number, end: number, maxDepth: number): void {
  if (isDeeperThan(bytes, start, end, maxDepth)) {
    throw new FrameError('depth-exceeded', `A body nests deeper than ${maxDepth} levels.`);
  }
}

/** @throws FrameError `encoding-invalid` */
export function checkEncoding(bytes: Uint8Array): void {
  if (!isUtf8(bytes)) {
    throw new FrameError('encoding-invalid', `A body of ${bytes.length} bytes is not valid UTF-8.`);
  }
}
