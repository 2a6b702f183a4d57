import { isAscii } from 'node:buffer';
import { excerpt, FrameError } from './frame-error.js';
import { DEFAULT_LIMITS, type FrameLimits } from './limits.js';

/**
 * Takes one body. The body is `bytes[start, end)`; when `text` is there, the whole of `bytes` is ASCII
 * and `text` is its decoded form, so that the body is `text.substring(start, end)` without another decode.
 */
export type BodyHandler = (bytes: Buffer, start: number, end: number, text: string | undefined) => void;

export interface FrameReaderOptions extends Partial<FrameLimits> {
  /** Also takes LSP's `Content-Type` header of utf-8, in any case and order. Default false. */
  acceptContentType?: boolean;
  /**
   * Takes the first bytes of a body over the limit, once its rest was read and thrown away; what comes behind it is read on.
   * Without it, such a body ends the reading.
   */
  onOversized?: (start: Buffer, error: FrameError) => void;
}

const PREFIX = Buffer.from('Content-Length: ', 'latin1');
const CR = 13;
const LF = 10;
const ZERO = 48;
const NINE = 57;
/** Up to so many bytes the way into a native copy costs more than the copy. */
const SHORT_COPY_BYTES = 16;
/** So much of a body over the limit is kept: the id of its request stands there. */
const KEPT_BYTES = 256;
/** A longer body is not waited for: its length is rather wrong than meant. */
const MAX_PASSED_BYTES = 1024 ** 3;
/** More digits than any limit has; stops a number from growing past what a double holds. */
const MAX_DIGITS = 10;

/**
 * Splits a byte stream into Content-Length frames, strictly and in linear time for any chunking:
 * a chunk is looked at once, a body that arrives in pieces is copied once into place.
 *
 * The first header that is not canonical throws a {@link FrameError}, and every later `push` throws it again:
 * after a broken header nothing tells where the next frame begins, and guessing delivers altered content.
 */
export class FrameReader {
  readonly #limits: FrameLimits;
  readonly #acceptContentType: boolean;
  readonly #onBody: BodyHandler;
  readonly #onOversized: FrameReaderOptions['onOversized'];
  /** The start of a header whose end is still to come. */
  readonly #header: Buffer;
  #headerLength = 0;
  /** A body whose end is still to come. */
  #body: Buffer | undefined;
  #bodyFilled = 0;
  /** The length of a body over the limit, and how much of it is still to come and to be thrown away. */
  #oversizedLength: number | undefined;
  #toPassBytes = 0;
  #error: FrameError | undefined;
  /** Where the header parsed last ended; a field, so that the hot path allocates nothing. */
  #headerEnd = 0;

  constructor(onBody: BodyHandler, options: FrameReaderOptions = {}) {
    this.#onBody = onBody;
    this.#limits = {
      maxBodyBytes: options.maxBodyBytes ?? DEFAULT_LIMITS.maxBodyBytes,
      maxHeaderBytes: options.maxHeaderBytes ?? DEFAULT_LIMITS.maxHeaderBytes,
    };
    this.#acceptContentType = options.acceptContentType ?? false;
    this.#onOversized = options.onOversized;
    this.#header = Buffer.allocUnsafeSlow(this.#limits.maxHeaderBytes);
  }

  /** Reads on. Calls the handler for every body that is whole now. @throws FrameError */
  push(chunk: Buffer): void {
    if (this.#error !== undefined) throw this.#error;
    try {
      this.#read(chunk);
    } catch (error) {
      if (error instanceof FrameError) {
        this.#error = error;
        this.#body = undefined;
      }
      throw error;
    }
  }

  /** The stream has ended. @throws FrameError when it ended inside a frame */
  end(): void {
    if (this.#error !== undefined || (this.#body === undefined && this.#headerLength === 0)) return;
    const where = this.#body
      ? `${this.#progress(this.#body)} bytes of a body`
      : `${this.#headerLength} bytes of a header`;
    throw new FrameError('truncated', `The stream ended inside a frame, after ${where}.`);
  }

  #progress(body: Buffer): string {
    const length = this.#oversizedLength ?? body.length;
    return `${length - (body.length - this.#bodyFilled) - this.#toPassBytes} of ${length}`;
  }

  #read(chunk: Buffer): void {
    let at = this.#resume(chunk);
    let text: string | undefined;
    let decoded = false;
    while (at < chunk.length) {
      const length = this.#parseHeader(chunk, at);
      if (length === undefined) {
        this.#keepHeader(chunk, at);
        return;
      }
      const start = this.#headerEnd;
      const end = start + length;
      if (end > chunk.length || length > this.#limits.maxBodyBytes) {
        at = this.#startBody(length, chunk, start);
        continue;
      }
      if (!decoded) {
        decoded = true;
        if (isAscii(chunk)) text = chunk.toString('latin1');
      }
      this.#onBody(chunk, start, end, text);
      at = end;
    }
  }

  /** Finishes what an earlier chunk began. @returns where this chunk goes on */
  #resume(chunk: Buffer): number {
    if (this.#body !== undefined) return this.#fillBody(chunk, 0);
    if (this.#headerLength === 0) return 0;
    return this.#resumeHeader(chunk);
  }

  #resumeHeader(chunk: Buffer): number {
    const before = this.#headerLength;
    const copied = chunk.copy(this.#header, before, 0, Math.min(chunk.length, this.#header.length - before));
    const header = this.#header.subarray(0, before + copied);
    const length = this.#parseHeader(header, 0);
    if (length === undefined) {
      if (header.length === this.#header.length) throw this.#tooLong(header);
      this.#headerLength = header.length;
      return chunk.length;
    }
    this.#headerLength = 0;
    const start = this.#headerEnd - before;
    if (start + length <= chunk.length && length <= this.#limits.maxBodyBytes) {
      const body = chunk.subarray(start, start + length);
      this.#onBody(body, 0, length, undefined);
      return start + length;
    }
    return this.#startBody(length, chunk, start);
  }

  #keepHeader(chunk: Buffer, at: number): void {
    const rest = chunk.length - at;
    if (rest >= this.#header.length) throw this.#tooLong(chunk.subarray(at));
    chunk.copy(this.#header, 0, at);
    this.#headerLength = rest;
  }

  /** @returns where the chunk goes on */
  #startBody(length: number, chunk: Buffer, at: number): number {
    const isOversized = length > this.#limits.maxBodyBytes;
    const kept = isOversized ? Math.min(length, KEPT_BYTES) : length;
    this.#body = Buffer.allocUnsafeSlow(kept);
    this.#bodyFilled = 0;
    this.#oversizedLength = isOversized ? length : undefined;
    this.#toPassBytes = length - kept;
    return this.#fillBody(chunk, at);
  }

  #fillBody(chunk: Buffer, at: number): number {
    const body = this.#body as Buffer;
    const copied = Math.min(chunk.length - at, body.length - this.#bodyFilled);
    copy(chunk, at, body, this.#bodyFilled, copied);
    this.#bodyFilled += copied;
    const passed = Math.min(chunk.length - at - copied, this.#toPassBytes);
    this.#toPassBytes -= passed;
    if (this.#bodyFilled === body.length && this.#toPassBytes === 0) this.#finishBody(body);
    return at + copied + passed;
  }

  #finishBody(body: Buffer): void {
    this.#body = undefined;
    if (this.#oversizedLength === undefined) this.#onBody(body, 0, body.length, undefined);
    else this.#onOversized?.(body, this.#tooLarge(this.#oversizedLength));
  }

  /**
   * The body length that the header at `at` announces, with `#headerEnd` set behind it;
   * undefined when the header is not whole yet. Rejects at the first byte that cannot belong to a header.
   */
  #parseHeader(bytes: Buffer, at: number): number | undefined {
    let i = at;
    for (let j = 0; j < PREFIX.length; j++, i++) {
      if (i === bytes.length) return undefined;
      if (bytes[i] !== PREFIX[j]) return this.#parseLooseHeader(bytes, at);
    }
    let length = 0;
    const digits = i;
    for (; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      if (byte < ZERO || byte > NINE) break;
      if (i - digits === MAX_DIGITS) throw this.#invalid(bytes, at);
      length = length * 10 + byte - ZERO;
    }
    if (i === bytes.length) return undefined;
    const leadingZero = bytes[digits] === ZERO && i - digits > 1;
    if (i === digits || leadingZero || bytes[i] !== CR) throw this.#invalid(bytes, at);
    if (i + 1 < bytes.length && bytes[i + 1] !== LF) throw this.#invalid(bytes, at);
    if (i + 2 < bytes.length && bytes[i + 2] !== CR) return this.#parseLooseHeader(bytes, at);
    if (i + 3 < bytes.length && bytes[i + 3] !== LF) throw this.#invalid(bytes, at);
    if (i + 4 > bytes.length) return undefined;
    this.#headerEnd = i + 4;
    return this.#checkLength(length);
  }

  #checkLength(length: number): number {
    const { maxBodyBytes } = this.#limits;
    const isPassed = this.#onOversized !== undefined && length <= MAX_PASSED_BYTES;
    if (length > maxBodyBytes && !isPassed) throw this.#tooLarge(length);
    if (length === 0) throw new FrameError('header-invalid', 'A frame announces an empty body.');
    return length;
  }

  /** A header of LSP's longer form, with Content-Type; only a server takes it. */
  #parseLooseHeader(bytes: Buffer, at: number): number | undefined {
    if (!this.#acceptContentType) throw this.#invalid(bytes, at);
    const limit = Math.min(bytes.length, at + this.#limits.maxHeaderBytes);
    const head = bytes.toString('latin1', at, limit);
    const end = head.indexOf('\r\n\r\n');
    const lines = (end === -1 ? head : head.slice(0, end)).split('\r\n');
    // Every line but one that may still grow is checked at once, so that garbage is refused at its first line.
    if (end === -1) {
      const growing = lines.pop() as string;
      // A lone CR may be the first half of the blank line.
      if (!/^(c[\w-]*(:.*)?)?\r?$/i.test(growing)) throw this.#invalid(bytes, at);
    }
    const length = this.#readFields(lines, bytes, at);
    if (end === -1) {
      if (limit - at === this.#limits.maxHeaderBytes) throw this.#tooLong(bytes.subarray(at));
      return undefined;
    }
    if (length === undefined) throw this.#invalid(bytes, at);
    this.#headerEnd = at + end + 4;
    return this.#checkLength(length);
  }

  #readFields(lines: readonly string[], bytes: Buffer, at: number): number | undefined {
    let length: number | undefined;
    let typed = false;
    for (const line of lines) {
      const digits = /^content-length: (0|[1-9]\d{0,9})$/i.exec(line);
      if (digits !== null && length === undefined) length = Number(digits[1]);
      else if (!typed && /^content-type: [\w/.+-]+(; ?charset=utf-?8)?$/i.test(line)) typed = true;
      else throw this.#invalid(bytes, at);
    }
    return length;
  }

  #invalid(bytes: Buffer, at: number): FrameError {
    const found = excerpt(bytes.subarray(at));
    return new FrameError('header-invalid', `Expected a header "Content-Length: <bytes>", found "${found}".`);
  }

  #tooLarge(length: number): FrameError {
    const limit = this.#limits.maxBodyBytes;
    return new FrameError(
      'body-too-large',
      `A frame announces a body of ${length} bytes; the limit is ${limit}. Bigger values travel by file path.`,
    );
  }

  #tooLong(bytes: Buffer): FrameError {
    const limit = this.#limits.maxHeaderBytes;
    return new FrameError('header-too-long', `A header is longer than ${limit} bytes: "${excerpt(bytes)}".`);
  }
}

function copy(from: Buffer, fromStart: number, to: Buffer, toStart: number, length: number): void {
  if (length > SHORT_COPY_BYTES) from.copy(to, toStart, fromStart, fromStart + length);
  else for (let i = 0; i < length; i++) to[toStart + i] = from[fromStart + i] as number;
}
