import { SidecarError } from '../../protocol/index.js';
import type { TailSink } from '../account.js';
import type { LocalRuntime } from './runtime.js';
import { mapTraceEvent, type WorkerSourceMaps } from './source-maps.js';
import { compileFilter, type LocalTailParams, type TailFilter } from './tail-filter.js';

/** As at Cloudflare. */
const MAX_TAILS_PER_WORKER = 10;

interface OpenTail {
  sink: TailSink;
  filter: TailFilter | undefined;
}

/** The open tails of the account's Workers. */
export class TailHub {
  readonly #tails = new Map<string, Set<OpenTail>>();
  /** Of the Workers that are tailed. */
  readonly #sourceMaps = new Map<string, WorkerSourceMaps>();
  #unsubscribe: (() => void) | undefined;

  /** Which Workers are tailed now. */
  get workerNames(): string[] {
    return [...this.#tails.keys()];
  }

  /** From now on, stack traces of a Worker that is tailed are told by these maps. */
  setSourceMaps(workerName: string, maps: WorkerSourceMaps): void {
    if (this.#tails.has(workerName)) this.#sourceMaps.set(workerName, maps);
  }

  /**
   * Lets the events of a Worker flow into `sink`.
   * @returns a function that ends it; it can be called twice.
   * @throws SidecarError `limit-exceeded` at the eleventh tail of one Worker.
   */
  open(params: LocalTailParams, sink: TailSink, runtime: Pick<LocalRuntime, 'onTrace'>): () => void {
    const tails = this.#tails.get(params.workerName) ?? new Set();
    if (tails.size >= MAX_TAILS_PER_WORKER) {
      throw new SidecarError(
        'limit-exceeded',
        `The Worker ${params.workerName} has ${MAX_TAILS_PER_WORKER} tails already, as many as Cloudflare allows. Stop one first.`,
        { data: { limit: MAX_TAILS_PER_WORKER } },
      );
    }
    const tail: OpenTail = { sink, filter: compileFilter(params) };
    this.#tails.set(params.workerName, tails.add(tail));
    this.#unsubscribe ??= runtime.onTrace((workerName, events, dropped) => {
      this.#deliver(workerName, events, dropped);
    });
    return () => this.#remove(params.workerName, tail);
  }

  /** Ends the tails of a Worker that was deleted. */
  endWorker(workerName: string): void {
    this.#end(workerName, 'worker-deleted');
  }

  /** Ends every tail. Can be called twice. */
  close(): void {
    for (const workerName of [...this.#tails.keys()]) this.#end(workerName, 'account-closed');
  }

  /** What was lost before it could be filtered counts for every tail. */
  #deliver(workerName: string, events: readonly string[], dropped: number): void {
    const tails = this.#tails.get(workerName);
    if (!tails) return;
    const maps = this.#sourceMaps.get(workerName);
    const mapped = maps ? events.map((event) => mapTraceEvent(event, maps)) : events;
    for (const { sink, filter } of tails) {
      if (dropped > 0) sink.dropped(dropped);
      for (const event of mapped) deliverTo(sink, filter, event);
    }
  }

  #end(workerName: string, reason: 'worker-deleted' | 'account-closed'): void {
    const tails = [...(this.#tails.get(workerName) ?? [])];
    for (const tail of tails) {
      this.#remove(workerName, tail);
      tail.sink.end(reason);
    }
  }

  #remove(workerName: string, tail: OpenTail): void {
    const tails = this.#tails.get(workerName);
    tails?.delete(tail);
    if (tails?.size === 0) {
      this.#tails.delete(workerName);
      this.#sourceMaps.delete(workerName);
    }
    if (this.#tails.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }
}

/** An event that a filter fails at is counted, and costs no other tail anything. */
function deliverTo(sink: TailSink, filter: TailFilter | undefined, event: string): void {
  try {
    if (filter !== undefined && !filter(event)) return;
  } catch {
    sink.dropped(1);
    return;
  }
  sink.push(event);
}
