import type { MessagePort } from 'node:worker_threads';
import type { LaneMessage } from './contract.js';

/** Results that come together cross in one message of at most about this many characters. */
const POST_LENGTH = 256 * 1024;

/** The way to the main thread for the library's own calls: one message for all answers of a chunk. */
export class Lane {
  readonly #port: MessagePort;
  /** Ids and results by turns, as JSON. */
  #results = '';
  #count = 0;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  /** Keeps the result of one call until `flush`. */
  pushResult(id: number, resultJson: string): void {
    this.#results += `${this.#count === 0 ? '[' : ','}${id},${resultJson}`;
    this.#count++;
    if (this.#results.length > POST_LENGTH) this.flush();
  }

  /** Sends what is kept, as the text of one JSON array: the main thread parses it in one go. */
  flush(): void {
    if (this.#count === 0) return;
    const json = `${this.#results}]`;
    const count = this.#count;
    this.#results = '';
    this.#count = 0;
    this.post({ type: 'results', json, count });
  }

  /** Sends an answer that is no result in our own form. */
  postAnswer(json: string): void {
    this.flush();
    this.post({ type: 'answer', json });
  }

  /** Sends one large result, `bytes[resultStart, end)`, without a copy where the buffer is all its own. */
  postLargeResult(id: number, bytes: Buffer, start: number, resultStart: number, end: number): void {
    this.flush();
    const own = ownBytes(bytes, start, end);
    const result = own.subarray(resultStart - start, -1);
    this.#port.postMessage({ type: 'large-result', id, bytes: result } satisfies LaneMessage, [own.buffer]);
  }

  postTail(batch: { tailId: string; seq: number; dropped: number }, bytes: Uint8Array<ArrayBuffer>): void {
    this.#port.postMessage({ type: 'tail', ...batch, bytes } satisfies LaneMessage, [bytes.buffer]);
  }

  post(message: LaneMessage): void {
    this.#port.postMessage(message);
  }
}

/** Bytes in a buffer of their own, which can be moved to another thread; copied unless they are that already. */
export function ownBytes(bytes: Buffer, start: number, end: number): Uint8Array<ArrayBuffer> {
  const whole =
    start === 0 && end === bytes.length && bytes.byteOffset === 0 && bytes.buffer.byteLength === bytes.length;
  if (whole) return new Uint8Array(bytes.buffer as ArrayBuffer);
  return Uint8Array.prototype.slice.call(bytes, start, end) as Uint8Array<ArrayBuffer>;
}
