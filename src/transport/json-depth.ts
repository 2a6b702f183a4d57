import { JSON_DEPTH_WASM } from './json-depth-wasm.js';

/** From this size on the way into WebAssembly pays. */
const SCANNER_BYTES = 512;
/** The scanner reads blocks of so many bytes. */
const BLOCK_BYTES = 64;
const SPACE = 0x20;

/** Node has it; its types are the browser's. */
declare const WebAssembly:
  | {
      validate(bytes: Uint8Array): boolean;
      Module: new (bytes: Uint8Array) => object;
      Instance: new (module: object) => { exports: unknown };
    }
  | undefined;

/** What `json-depth.wat` exports. */
interface ScannerExports {
  memory: { buffer: ArrayBuffer };
  begin(maxDepth: number): void;
  /** Reads on, the first `length` bytes of the memory. @returns 1 once the limit has been passed, else 0 */
  scan(length: number): number;
}

interface Scanner extends ScannerExports {
  /** The memory; texts come through it in pieces. */
  page: Uint8Array;
}

/** Undefined until it is first wanted; null where there is no WebAssembly, none with SIMD, or no room for its memory. */
let scanner: Scanner | null | undefined;

/** Whether the JSON text `bytes[start, end)` nests deeper than `maxDepth`. One pass, about 0.2 ns a byte. */
export function isDeeperThan(bytes: Buffer, start: number, end: number, maxDepth: number): boolean {
  // An opening bracket of each level and a closing one.
  if (end - start <= 2 * maxDepth) return false;
  if (end - start >= SCANNER_BYTES) {
    scanner = scanner === undefined ? createScanner() : scanner;
    if (scanner !== null) return isDeeperBlockwise(scanner, bytes.subarray(start, end), maxDepth);
  }
  return isDeeperBytewise(bytes, start, end, maxDepth);
}

function createScanner(): Scanner | null {
  const code = Buffer.from(JSON_DEPTH_WASM, 'base64');
  if (typeof WebAssembly === 'undefined' || !WebAssembly.validate(code)) return null;
  try {
    const exports = new WebAssembly.Instance(new WebAssembly.Module(code)).exports as ScannerExports;
    return { ...exports, page: new Uint8Array(exports.memory.buffer) };
  } catch (error) {
    // V8 reserves some 10 GB of addresses for a memory; where those are limited (`ulimit -v`) there are none to be had.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function isDeeperBlockwise(scanner: Scanner, text: Uint8Array, maxDepth: number): boolean {
  const { page } = scanner;
  scanner.begin(maxDepth);
  for (let at = 0; at < text.length; at += page.length) {
    const piece = text.subarray(at, at + page.length);
    page.set(piece);
    const padded = Math.ceil(piece.length / BLOCK_BYTES) * BLOCK_BYTES;
    page.fill(SPACE, piece.length, padded);
    if (scanner.scan(padded) !== 0) return true;
  }
  return false;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Most strings end within this. */
const NEAR_BYTES = 256;
/** `[` and `{` differ from each other in this bit alone, and so do `]` and `}`. */
const BRACE_BIT = 0x20;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** The same byte by byte, about 1.5 ns each: for short texts, and where there is no WebAssembly with SIMD. */
export function isDeeperBytewise(bytes: Buffer, start: number, end: number, maxDepth: number): boolean {
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
