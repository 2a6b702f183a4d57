import type { MessagePort, TransferListItem } from 'node:worker_threads';

type Listener = (event: { data: unknown }) => void;

/**
 * An endpoint for comlink over a `MessagePort` that sends all messages of one tick as one: a thread is woken once
 * for many calls. Both ends of the port must be wrapped. The interface is comlink's `Endpoint`.
 */
export class CoalescingEndpoint {
  readonly #port: MessagePort;
  readonly #listeners = new Set<Listener>();
  #messages: unknown[] = [];
  #transfers: TransferListItem[] = [];
  #scheduled = false;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', (messages: unknown[]) => {
      for (const data of messages) for (const listener of this.#listeners) listener({ data });
    });
  }

  postMessage(message: unknown, transfer: readonly TransferListItem[] = []): void {
    this.#messages.push(message);
    if (transfer.length > 0) this.#transfers.push(...transfer);
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Behind the microtasks of this tick, where answers to calls of one message are made.
    process.nextTick(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = false;
    const messages = this.#messages;
    const transfers = this.#transfers;
    this.#messages = [];
    this.#transfers = [];
    this.#port.postMessage(messages, transfers);
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
