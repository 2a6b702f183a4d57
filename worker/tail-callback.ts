import { type Remote, releaseProxy } from 'comlink';
import type { RemoteTailBatch, RemoteTailEnd } from './contract.js';

export type OnBatch = ((batch: RemoteTailBatch) => void | Promise<void>) &
  Partial<Pick<Remote<() => void>, typeof releaseProxy>>;

/** The callback of one tail that `remote.tail` opened, and the end of that tail. */
export class TailCallback {
  readonly #onBatch: OnBatch;
  /** Batches that the callback is at work on. */
  readonly #running = new Set<Promise<unknown>>();
  #resolveEnd: (end: RemoteTailEnd) => void = () => {};
  /** Resolves once, with how the tail ended. */
  readonly ended = new Promise<RemoteTailEnd>((resolve) => {
    this.#resolveEnd = resolve;
  });

  constructor(onBatch: OnBatch) {
    this.#onBatch = onBatch;
  }

  /** Resolves when the callback is done with the batch. @throws what the callback does */
  async take(batch: RemoteTailBatch): Promise<void> {
    const running = Promise.resolve(this.#onBatch(batch));
    this.#running.add(running);
    try {
      await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /** No batch follows. The end is told once the callback is done with those before. */
  async end(end: RemoteTailEnd): Promise<void> {
    await Promise.allSettled(this.#running);
    this.lose(end);
  }

  /** The end of the connection: told at once, whatever the callback does. */
  lose(end: RemoteTailEnd): void {
    this.#resolveEnd(end);
    this.#onBatch[releaseProxy]?.();
  }
}
