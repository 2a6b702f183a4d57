import type { MessagePort } from 'node:worker_threads';
import type { LaneMessage } from './contract.js';

/** Answers that come together cross in one message of at most about this many characters. */
const POST_LENGTH = 256 * 1024;

/** The way to the main thread for the library's own calls: one message for all answers of a chunk. */
export class Lane {
  readonly #port: MessagePort;
  #answers: string[] = [];
  #length = 0;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  /** Keeps one answer until `flush`. */
  pushAnswer(body: string): void {
    this.#answers.push(body);
    this.#length += body.length;
    if (this.#length > POST_LENGTH) this.flush();
  }

  /** Sends what is kept, as the text of one JSON array: the main thread parses it in one go. */
  flush(): void {
    const count = this.#answers.length;
    if (count === 0) return;
    const json = `[${this.#answers.join(',')}]`;
    this.#answers = [];
    this.#length = 0;
    this.post({ type: 'answers', json, count });
  }

  postAnswerBytes(bytes: Buffer, start: number, end: number): void {
    this.flush();
    const own = ownBytes(bytes, start, end);
    this.#port.postMessage({ type: 'answer', bytes: own } satisfies LaneMessage, [own.buffer]);
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
