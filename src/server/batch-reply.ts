import { SidecarError } from '../protocol/index.js';
import { isId } from '../transport/message.js';

/** Takes the JSON text of one response. */
export type Reply = (json: string) => void;

/** Gathers the answers to a JSON-RPC batch and sends them as one array, once the last is there. */
export class BatchReply {
  readonly #send: Reply;
  readonly #maxBodyBytes: number;
  readonly #answers: string[] = [];
  #bytes = 0;
  #open = 0;
  #sealed = false;

  constructor(send: Reply, maxBodyBytes: number) {
    this.#send = send;
    this.#maxBodyBytes = maxBodyBytes;
  }

  /** A place for the answer to `message`. Only a request is waited for: what else is answered is answered at once. */
  reserve(message: unknown): Reply {
    const { id, method } = (message ?? {}) as { id?: unknown; method?: unknown };
    if (id === undefined || method === undefined) return (json) => this.#add(json, null);
    this.#open++;
    return (json) => {
      this.#add(json, isId(id) ? id : null);
      this.#open--;
      this.#flush();
    };
  }

  /** Keeps one answer. One that the whole array has no room for fails its own call. */
  #add(json: string, id: number | string | null): void {
    const bytes = Buffer.byteLength(json) + 1;
    if (this.#bytes + bytes < this.#maxBodyBytes) {
      this.#bytes += bytes;
      this.#answers.push(json);
    } else this.#answers.push(this.#tooLarge(id));
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
    else this.#send(this.#tooLarge(null));
  }

  #tooLarge(id: number | string | null): string {
    const error = new SidecarError(
      'result-too-large',
      `The answers to the batch are larger together than the limit of ${this.#maxBodyBytes} bytes; send smaller batches.`,
      { data: { limitBytes: this.#maxBodyBytes } },
    );
    return JSON.stringify({ jsonrpc: '2.0', id, error: error.toWire() });
  }
}
