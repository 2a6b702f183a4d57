import { SidecarError } from '../protocol/index.js';
import { answerableId, type Id } from '../transport/message.js';

/** Takes the JSON text of one response; `onWritten` is called when that is written, alone or in its batch. */
export type Reply = (json: string, onWritten?: () => void) => void;

/**
 * Gathers the answers to a JSON-RPC batch and sends them as one array, once the last is there. Each answer has room for
 * an error from the beginning, so that one that is too large fails its own call and no other.
 */
export class BatchReply {
  readonly #send: Reply;
  readonly #maxBodyBytes: number;
  readonly #answers: string[] = [];
  /** Told once the array is written, in the order of the answers. */
  readonly #onWritten: (() => void)[] = [];
  /** What the array has so far, with the room kept for the answers that are still to come. */
  #bytes = 2;
  #open = 0;
  #sealed = false;

  constructor(send: Reply, maxBodyBytes: number) {
    this.#send = send;
    this.#maxBodyBytes = maxBodyBytes;
  }

  /** Whether an error for each of these messages has room in one array. */
  static hasRoom(messages: readonly unknown[], maxBodyBytes: number): boolean {
    let bytes = 2;
    for (const message of messages) {
      bytes += sizeOf(tooLarge(idOf(message), maxBodyBytes));
      if (bytes > maxBodyBytes) return false;
    }
    return true;
  }

  /** A place for the answer to `message`. Only a request is waited for: what else is answered is answered at once. */
  reserve(message: unknown): Reply {
    const { id, method } = (message ?? {}) as { id?: unknown; method?: unknown };
    const instead = tooLarge(idOf(message), this.#maxBodyBytes);
    const isRequest = id !== undefined && method !== undefined;
    this.#bytes += sizeOf(instead);
    if (isRequest) this.#open++;
    return (json, onWritten) => {
      this.#add(json, instead);
      if (onWritten !== undefined) this.#onWritten.push(onWritten);
      if (isRequest) this.#open--;
      this.#flush();
    };
  }

  /** Keeps one answer, or what was reserved for it. */
  #add(json: string, instead: string): void {
    const bytes = this.#bytes - sizeOf(instead) + sizeOf(json);
    const fits = bytes <= this.#maxBodyBytes;
    if (fits) this.#bytes = bytes;
    this.#answers.push(fits ? json : instead);
  }

  /** Every message was dispatched. */
  seal(): void {
    this.#sealed = true;
    this.#flush();
  }

  #flush(): void {
    if (!this.#sealed || this.#open > 0 || this.#answers.length === 0) return;
    this.#send(`[${this.#answers.join(',')}]`);
    this.#answers.length = 0;
    for (const onWritten of this.#onWritten.splice(0)) onWritten();
  }
}

function idOf(message: unknown): Id {
  return answerableId((message as { id?: unknown } | null)?.id);
}

/** With a comma. */
function sizeOf(json: string): number {
  return Buffer.byteLength(json) + 1;
}

function tooLarge(id: Id, limitBytes: number): string {
  const error = new SidecarError(
    'result-too-large',
    `The answers to the batch have no room together in ${limitBytes} bytes; send smaller batches.`,
    { data: { limitBytes } },
  );
  return JSON.stringify({ jsonrpc: '2.0', id, error: error.toWire() });
}
