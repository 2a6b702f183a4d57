import type { MessagePort, TransferListItem } from 'node:worker_threads';

type Listener = (event: { data: unknown }) => void;

/**
 * An endpoint for comlink over a `MessagePort` that sends all messages of one tick as one: a thread is woken once
 * for many calls. Both ends of the port must be wrapped. The interface is comlink's `Endpoint`.
 *
 * Messages are cloned at the end of the tick, not when they are posted: an argument that is changed before then
 * arrives changed.
 */
export class CoalescingEndpoint {
  readonly #port: MessagePort;
  readonly #listeners = new Set<Listener>();
  #messages: unknown[] = [];
  readonly #transfers = new Map<unknown, readonly TransferListItem[]>();
  #scheduled = false;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', (messages: unknown[]) => {
      for (const data of messages) this.#dispatch(data);
    });
  }

  postMessage(message: unknown, transfer: readonly TransferListItem[] = []): void {
    this.#messages.push(message);
    if (transfer.length > 0) this.#transfers.set(message, transfer);
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Behind the microtasks of this tick, where answers to calls of one message are made.
    process.nextTick(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = false;
    const messages = this.#messages;
    this.#messages = [];
    const transfers = [...this.#transfers.values()].flat();
    try {
      this.#port.postMessage(messages, transfers);
    } catch {
      // One of them cannot be cloned, and then none was sent: each alone tells which.
      for (const message of messages) this.#postAlone(message);
    }
    this.#transfers.clear();
  }

  #postAlone(message: unknown): void {
    try {
      this.#port.postMessage([message], this.#transfers.get(message));
    } catch (error) {
      this.#fail(message, error as Error);
    }
  }

  /**
   * Where `postMessage` throws at once, comlink rejects the call, or answers it with the error; here it is too late
   * for that, so the answer is given in its form.
   */
  #fail(message: unknown, { name, message: text, stack }: Error): void {
    const { id, type } = message as { id?: unknown; type?: unknown };
    const value = { isError: true, value: { name, message: text, stack } };
    const answer = { id, type: 'HANDLER', name: 'throw', value };
    const isAnswer = type === 'RAW' || type === 'HANDLER';
    if (isAnswer) this.#port.postMessage([answer]);
    else this.#dispatch(answer);
  }

  #dispatch(data: unknown): void {
    for (const listener of this.#listeners) listener({ data });
  }

  addEventListener(_type: string, listener: Listener): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: string, listener: Listener): void {
    this.#listeners.delete(listener);
  }

  start(): void {
    this.#port.start();
  }
}
