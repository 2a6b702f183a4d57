import { notifications, type Params, parseResult, type Result, SidecarError } from '../src/protocol/index.js';
import type { LaneMessage } from '../worker/contract.js';
import type { CallOptions } from './call-options.js';
import type { Calls } from './calls.js';
import type { SidecarEvents } from './events.js';
import { gapBatch, TailBatch } from './tail-batch.js';
import { TailStream } from './tail-stream.js';

interface TailEmitter {
  emit<K extends 'tail' | 'tail-end' | 'ipc-error'>(event: K, ...args: SidecarEvents[K]): boolean;
}

/** The tails of one sidecar: streams, which survive restarts, and those whose batches become events. */
export class Tails {
  readonly #calls: Calls;
  readonly #emitter: TailEmitter;
  /** Every stream that has not ended, with what is needed to open it again. */
  readonly #streams = new Map<TailStream, Params<'dashboard.tailLogs'>>();
  /** The open ones by id. */
  readonly #byId = new Map<string, TailStream>();
  /** The open tails of `call('dashboard.tailLogs')`. */
  readonly #eventTails = new Set<string>();

  constructor(calls: Calls, emitter: TailEmitter) {
    this.#calls = calls;
    this.#emitter = emitter;
  }

  open(params: Params<'dashboard.tailLogs'>, signal: AbortSignal | undefined): TailStream {
    const stream = new TailStream({
      grant: (tailId, bytes) => this.#calls.notify('tail/credit', { tailId, bytes }),
      stop: (tailId) => this.#stop(tailId),
      forget: (ended) => {
        this.#streams.delete(ended);
        signal?.removeEventListener('abort', onAbort);
      },
    });
    const onAbort = () => {
      const error = new SidecarError('cancelled', 'The tail was cancelled.', { cause: signal?.reason });
      stream.finish('stopped', 0, error);
      stream.stop();
    };
    this.#streams.set(stream, params);
    if (signal?.aborted) onAbort();
    else {
      signal?.addEventListener('abort', onAbort, { once: true });
      void this.#request(stream, params);
    }
    return stream;
  }

  /** `call('dashboard.tailLogs')`: its batches become `tail` events. */
  openForEvents(params: unknown, options: CallOptions): Promise<{ tailId: string }> {
    return this.#open(params, options, ({ tailId }) => this.#eventTails.add(tailId));
  }

  /** `call('dashboard.stopTail')`: a stream of that name is not opened again, even when the connection breaks now. */
  async stop(
    params: unknown,
    options: CallOptions,
    post?: (body: string) => void,
  ): Promise<Result<'dashboard.stopTail'>> {
    const { tailId } = (params ?? {}) as { tailId?: unknown };
    const stream = typeof tailId === 'string' ? this.#byId.get(tailId) : undefined;
    stream?.stopAsked();
    try {
      return await this.#calls.call('dashboard.stopTail', params, options, undefined, post);
    } catch (error) {
      if (SidecarError.from(error).code === 'cancelled') stream?.stopNotAsked();
      throw error;
    }
  }

  deliver({ tailId, seq, dropped, bytes }: Extract<LaneMessage, { type: 'tail' }>): void {
    this.#push(tailId, new TailBatch(seq, dropped, bytes));
  }

  #push(tailId: string, batch: TailBatch): void {
    const stream = this.#byId.get(tailId);
    if (stream !== undefined) stream.push(batch);
    // What still comes for a stream that was left is nobody's.
    else if (this.#eventTails.has(tailId)) setImmediate(() => this.#emitBatch(tailId, batch));
  }

  notified(method: 'tail/batch' | 'tail/end', params: unknown): void {
    const parsed = notifications[method].params.safeParse(params);
    if (!parsed.success) {
      const fault = new SidecarError('protocol-error', `A ${method} does not fit the contract.`);
      this.#emitter.emit('ipc-error', fault);
      if (method === 'tail/end') this.#endedSomehow(params, fault);
    } else if (method === 'tail/end') this.#ended(notifications['tail/end'].params.parse(params));
    else {
      const { tailId, seq, dropped, gap, events } = notifications['tail/batch'].params.parse(params);
      const bytes = Buffer.from(JSON.stringify(events));
      this.#push(tailId, gap ? gapBatch(gap, seq, dropped) : new TailBatch(seq, dropped, bytes));
    }
  }

  /** The connection is gone, and with it every tail of it. */
  interrupt(): void {
    this.#byId.clear();
    for (const stream of this.#streams.keys()) stream.interrupted();
    const error = {
      code: 'connection-lost',
      message: 'The connection to the CLI is gone; open the tail again.',
    };
    for (const tailId of [...this.#eventTails]) this.#ended({ tailId, reason: 'error', dropped: 0, error });
  }

  /** There is a new connection: streams go on where they can. */
  resume(): void {
    for (const [stream, params] of this.#streams) {
      if (stream.wantsOpening()) void this.#request(stream, params);
    }
  }

  /** There will be no other connection. */
  close(error: (() => SidecarError) | undefined): void {
    this.#byId.clear();
    for (const stream of [...this.#streams.keys()]) stream.finish('sidecar-stopped', 0, error?.());
  }

  async #request(stream: TailStream, params: Params<'dashboard.tailLogs'>): Promise<void> {
    stream.opening();
    try {
      await this.#open(params, {}, ({ tailId }) => {
        this.#byId.set(tailId, stream);
        stream.opened(tailId);
      });
    } catch (error) {
      const failure = SidecarError.from(error);
      // The connection broke on the way: a new one is asked again.
      if (failure.code === 'indeterminate') stream.notOpened();
      else stream.finish('error', 0, failure);
    }
  }

  /** An opening that was given up may be answered later: what was opened is ended. */
  #open(
    params: unknown,
    options: CallOptions,
    onResult: (result: { tailId: string }) => void,
  ): Promise<{ tailId: string }> {
    return this.#calls.call('dashboard.tailLogs', params, { ...options, onLate: this.#endLate }, onResult);
  }

  readonly #endLate = (result: unknown): void =>
    this.#tellStop(parseResult('dashboard.tailLogs', result).tailId);

  #stop(tailId: string): void {
    // It has ended by itself, or its connection is gone: nothing to stop.
    if (this.#byId.delete(tailId)) this.#tellStop(tailId);
  }

  /** It may still end by itself before the server reads this. */
  #tellStop(tailId: string): void {
    this.#calls.call('dashboard.stopTail', { tailId }, { timeout: 5000 }).catch(() => undefined);
  }

  #ended(end: SidecarEvents['tail-end'][0]): void {
    const stream = this.#byId.get(end.tailId);
    this.#byId.delete(end.tailId);
    if (this.#eventTails.delete(end.tailId)) setImmediate(() => this.#emitter.emit('tail-end', end));
    if (stream === undefined) return;
    // What follows, a restart or the end of the sidecar, tells the stream.
    if (end.reason === 'shutdown') {
      stream.lose(end.dropped);
      stream.interrupted();
      return;
    }
    const error =
      end.error &&
      new SidecarError('connection-lost', `The tail ended: ${end.error.message}`, { data: { ...end.error } });
    stream.finish(end.reason, end.dropped, error);
  }

  /** An end that does not say why in words known here is one all the same. */
  #endedSomehow(params: unknown, { code, message }: SidecarError): void {
    const { tailId } = (params ?? {}) as { tailId?: unknown };
    if (typeof tailId === 'string')
      this.#ended({ tailId, reason: 'error', dropped: 0, error: { code, message } });
  }

  #emitBatch(tailId: string, batch: TailBatch): void {
    const { seq, dropped, gap } = batch;
    const reason = gap?.reason === 'owner-changed' ? { gap: gap.reason } : {};
    try {
      this.#emitter.emit('tail', { tailId, seq, dropped, ...reason, events: batch.events() });
    } finally {
      // A listener that throws ends its host, as Node has it; where the host prevents that the tail goes on.
      this.#calls.notify('tail/credit', { tailId, bytes: batch.bytes.length });
    }
  }
}
