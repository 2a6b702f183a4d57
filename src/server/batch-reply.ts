import { SidecarError } from '../protocol/index.js';

/** Takes the JSON text of one response. */
export type Reply = (json: string) => void;

/** Gathers the answers to a JSON-RPC batch and sends them as one array, once the last is there. */
export class BatchReply {
  readonly #send: Reply;
  readonly #maxBodyBytes: number;
  readonly #answers: string[] = [];
  #open = 0;
  #sealed = false;

  constructor(send: Reply, maxBodyBytes: number) {
    this.#send = send;
    this.#maxBodyBytes = maxBodyBytes;
  }

  /** A place for the answer to `message`; a notification gets none. */
  reserve(message: unknown): Reply {
    if (isNotification(message)) return (json) => this.#answers.push(json);
    this.#open++;
    return (json) => {
      this.#answers.push(json);
      this.#open--;
      this.#flush();
    };
  }

  /** Every message was dispatched. */
  seal(): void {
    this.#sealed = true;
    this.#flush();
  }

  #flush(): void {
    if (!this.#sealed || this.#open > 0 || this.#answers.length === 0) return;
    const json = `[${this.#answers.join(',')}]`;
    this.#answers.length = 0;
    if (Buffer.byteLength(json) <= this.#maxBodyBytes) this.#send(json);
    else this.#send(JSON.stringify({ jsonrpc: '2.0', id: null, error: this.#tooLarge().toWire() }));
  }

  #tooLarge(): SidecarError {
    return new SidecarError(
      'result-too-large',
      `The answers to the batch are larger together than the limit of ${this.#maxBodyBytes} bytes; send smaller batches.`,
      { data: { limitBytes: this.#maxBodyBytes } },
    );
  }
}

function isNotification(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'method' in message && !('id' in message);
}
