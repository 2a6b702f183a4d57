/** Calls that wait for their answer: the little that peers without an RPC layer of their own need. */
export class Pending {
  readonly #calls = new Map<number, (result: unknown) => void>();
  #nextId = 0;

  /** Sends `{id, method, params}` through `send`, and waits for its answer. */
  call(send: (message: Message) => void, method: string, params: unknown): Promise<unknown> {
    return new Promise((resolve) => {
      const id = this.#nextId++;
      this.#calls.set(id, resolve);
      send({ id, method, params });
    });
  }

  settle(answer: { id: number; result: unknown }): void {
    this.#calls.get(answer.id)?.(answer.result);
    this.#calls.delete(answer.id);
  }
}

export interface Message {
  id: number;
  method: string;
  params: unknown;
}
