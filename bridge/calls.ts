import { judgeAfter } from '../src/lib/time.js';
import {
  type CallableMethod,
  methods,
  type NotificationParams,
  parseResult,
  type Result,
  SidecarError,
} from '../src/protocol/index.js';
import { PendingTable } from '../src/transport/pending-table.js';
import { cancelled, indeterminate, lostTwice, overloaded, timedOut } from './call-errors.js';
import { type CallOptions, checkCallOptions } from './call-options.js';
import { nameCaller, rejection } from './caller-stack.js';
import { decode, RawResult } from './raw-result.js';
import { writeParams } from './request-params.js';

/** Calls that may be unanswered at once, given up or not; more are refused, so that a stopped child costs bounded memory. */
const MAX_PENDING = 65_536;
const SWEEP_MS = 250;
/** The thread's own calls have the ids between. */
const ID_STEP = 2;

/** What the library itself gives beside a caller's options. */
export interface OwnCallOptions extends CallOptions {
  /** Takes the result that comes after the call was given up: what it has opened must be ended. */
  onLate?(result: unknown): void;
}

interface Pending {
  readonly id: number;
  readonly method: CallableMethod;
  /** The params, kept as long as the request may have to be sent (again). */
  paramsJson: string;
  sent: boolean;
  /** It was in flight when a child ended, and is sent once more. */
  repeated: boolean;
  /** `performance.now()` from which on the sweep gives the call up; 0 when it has a timer of its own. */
  deadlineMs: number;
  timeoutMs: number;
  post(body: string): void;
  /** Settles the call; with a {@link rejection} it rejects. */
  settle(result: unknown): void;
  onResult: ((result: unknown) => void) | undefined;
  onProgress: CallOptions['onProgress'];
  readonly onLate: OwnCallOptions['onLate'];
  /** Whether the result is wanted as it came. */
  raw: boolean;
  release: (() => void) | undefined;
}

interface Answer {
  id?: unknown;
  result?: unknown;
  error?: { code: number; message: string; data?: Record<string, unknown> };
}

export interface CallsOptions {
  maxBodyBytes: number;
  /** Sends one message to the child. */
  post(body: string): void;
  /** Delivers what lies in this thread's port unread. */
  readPosted(): void;
  /** Delivers what had arrived when it was called, in the child's pipe too. Resolves within about a second. */
  readArrived(): Promise<void>;
  /** Called when an answer breaks the protocol. */
  onFault(error: SidecarError): void;
}

/**
 * The library's calls. Each settles exactly once: with its result, a typed error, cancelled, timed out, or
 * indeterminate when the child ends with it in flight and it is not safe to repeat. Requests are written and
 * answers parsed here, on the caller's thread: text crosses threads cheaper than objects do.
 */
export class Calls {
  readonly #options: CallsOptions;
  readonly #pending = new PendingTable<Pending>(ID_STEP);
  /** Calls given up here whose answers may still come, and who takes them. */
  readonly #abandoned = new Map<number, OwnCallOptions['onLate']>();
  #nextId = ID_STEP;
  #connected = false;
  #sweeper: NodeJS.Timeout | undefined;
  /** Calls whose time is up: each is given up with its error once what has arrived was read. */
  readonly #overdue = new Map<number, SidecarError>();

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /**
   * Makes a call; while there is no connection it waits for one. `onResult` runs in the turn the answer is read in;
   * `post` is another way for the request than the usual one.
   */
  call<M extends CallableMethod>(
    method: M,
    params: unknown,
    options: OwnCallOptions = {},
    onResult?: (result: Result<M>) => void,
    post: (body: string) => void = this.#options.post,
    raw = false,
  ): Promise<Result<M>> {
    return new Promise((resolve) => {
      const paramsJson = this.#admit(method, params, options);
      const id = this.#nextId;
      this.#nextId += ID_STEP;
      const pending: Pending = {
        id,
        method,
        paramsJson,
        sent: false,
        repeated: false,
        deadlineMs: 0,
        timeoutMs: options.timeout ?? methods[method].timeoutMs,
        post,
        settle: resolve as (result: unknown) => void,
        onResult: onResult as ((result: unknown) => void) | undefined,
        onProgress: options.onProgress,
        onLate: options.onLate,
        raw,
        release: undefined,
      };
      this.#pending.add(pending);
      this.#limitTime(pending, options);
      if (this.#connected) this.#send(pending);
    });
  }

  /** Makes a call whose result is handed over unparsed. */
  callRaw<M extends CallableMethod>(
    method: M,
    params: unknown,
    options?: CallOptions,
  ): Promise<RawResult<M>> {
    const answered: Promise<unknown> = this.call(
      method,
      params,
      options,
      undefined,
      this.#options.post,
      true,
    );
    return answered as Promise<RawResult<M>>;
  }

  /** Sends a notification, if there is a connection. */
  notify(method: string, params: unknown): void {
    if (this.#connected) this.#options.post(JSON.stringify({ jsonrpc: '2.0', method, params }));
  }

  /** There is a connection: what waits is sent. */
  connect(): void {
    this.#connected = true;
    for (const pending of this.#pending.entries()) if (!pending.sent) this.#send(pending);
  }

  /**
   * The connection is gone. Calls that are safe to repeat wait for the next one, the others are indeterminate.
   * No call is repeated twice: one that ends the child would do so until no restart is left.
   */
  disconnect(): void {
    this.#connected = false;
    this.#abandoned.clear();
    for (const pending of this.#pending.entries()) {
      if (!pending.sent) continue;
      const { id, method } = pending;
      if (!methods[method].repeatable) this.#take(id)?.settle(rejection(indeterminate(method)));
      else if (pending.repeated) this.#take(id)?.settle(rejection(lostTwice(method)));
      else {
        pending.sent = false;
        pending.repeated = true;
      }
    }
  }

  /** There will be no other connection: every call is settled. */
  close(error: (method: string) => SidecarError): void {
    this.#connected = false;
    this.#abandoned.clear();
    for (const { id, method } of this.#pending.entries()) {
      this.#take(id)?.settle(rejection(error(method)));
    }
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  /** The results of `count` calls, as the text of one JSON array: an id, its result, an id, its result. */
  receiveResults(json: string, count: number): void {
    const results = this.#parse(json);
    if (results === undefined) return;
    // They were joined unparsed: one that is broken could swallow its neighbour, and then the number is off.
    if (!Array.isArray(results) || results.length !== 2 * count) this.#fault('a result is not JSON');
    else for (let at = 0; at < results.length; at += 2) this.#settleResult(results[at], results[at + 1]);
  }

  /** One large result, as JSON in UTF-8. */
  receiveLargeResult(id: number, bytes: Uint8Array): void {
    if (this.#pending.get(id)?.raw === false) {
      const result = this.#parse(decode(bytes));
      if (result !== undefined) this.#settleResult(id, result);
      return;
    }
    const pending = this.#answered(id);
    pending?.settle(new RawResult(pending.method, bytes));
  }

  /** One answer whole, as JSON, checked to be one: an error, or a result in another form than our server's. */
  receiveAnswer(json: string): void {
    const { id, result, error } = JSON.parse(json) as Answer;
    if (error === undefined) this.#settleResult(id, result);
    else this.#answered(id)?.settle(rejection(SidecarError.fromWire(error)));
  }

  progress({ token, value }: NotificationParams<'$/progress'>): void {
    if (typeof token === 'number') this.#pending.get(token)?.onProgress?.(value);
  }

  /** The params as JSON, unless something speaks against the call at once. */
  #admit(method: CallableMethod, params: unknown, options: CallOptions): string {
    try {
      const { signal } = checkCallOptions(options);
      if (signal?.aborted) throw cancelled(method, signal);
      if (this.#pending.size + this.#abandoned.size >= MAX_PENDING) throw overloaded(method, MAX_PENDING);
      return writeParams(method, params, this.#options.maxBodyBytes);
    } catch (error) {
      // The frames of the checks alone could fill the stack.
      throw error instanceof SidecarError ? nameCaller(error, Calls.prototype.call) : error;
    }
  }

  #send(pending: Pending): void {
    const { id, method, paramsJson } = pending;
    pending.sent = true;
    pending.post(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${paramsJson}}`);
    if (!methods[method].repeatable) pending.paramsJson = '';
  }

  /** A timeout or signal of the caller's own gets a timer; the contract's timeouts share one sweep. */
  #limitTime(pending: Pending, { timeout, signal }: CallOptions): void {
    if (timeout === undefined) {
      pending.deadlineMs = performance.now() + pending.timeoutMs;
      this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
    }
    if (timeout === undefined && signal === undefined) return;
    const timer = timeout === undefined ? undefined : judgeAfter(timeout, () => this.#expire(pending));
    const onAbort = () => this.#abort(pending, signal as AbortSignal);
    signal?.addEventListener('abort', onAbort, { once: true });
    pending.release = () => {
      timer?.clear();
      signal?.removeEventListener('abort', onAbort);
    };
  }

  /** What was answered already is no more cancelled; a signal that is a timeout is judged as one. */
  #abort(pending: Pending, signal: AbortSignal): void {
    const error = cancelled(pending.method, signal);
    if ((signal.reason as Error | undefined)?.name === 'TimeoutError') {
      this.#judge(pending.id, error);
      return;
    }
    pending.onProgress = undefined;
    this.#options.readPosted();
    this.#giveUp(pending.id)?.settle(rejection(error));
  }

  #sweep(): void {
    if (this.#pending.size === 0) {
      clearInterval(this.#sweeper);
      this.#sweeper = undefined;
      return;
    }
    const now = performance.now();
    for (const pending of this.#pending.entries()) {
      if (pending.deadlineMs !== 0 && now >= pending.deadlineMs) this.#expire(pending);
    }
  }

  #expire({ id, method, timeoutMs }: Pending): void {
    this.#judge(id, timedOut(method, timeoutMs));
  }

  /** Gives a call up with `error`, unless its answer has arrived and was only not read yet. */
  #judge(id: number, error: SidecarError): void {
    const isJudging = this.#overdue.size > 0;
    if (!this.#overdue.has(id)) this.#overdue.set(id, error);
    if (!isJudging) void this.#judgeOverdue();
  }

  async #judgeOverdue(): Promise<void> {
    while (this.#overdue.size > 0) {
      const judged = [...this.#overdue];
      await this.#options.readArrived();
      for (const [id, error] of judged) {
        this.#overdue.delete(id);
        this.#giveUp(id)?.settle(rejection(error));
      }
    }
  }

  /** Takes a call out and tells the server, whose answer may be on the way already. */
  #giveUp(id: number): Pending | undefined {
    const pending = this.#take(id);
    if (pending?.sent) {
      this.#abandoned.set(id, pending.onLate);
      this.notify('$/cancelRequest', { id });
    }
    return pending;
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.take(id);
    pending?.release?.();
    return pending;
  }

  #parse(json: string): unknown {
    try {
      return JSON.parse(json);
    } catch (error) {
      this.#fault(`a result is not JSON: ${(error as Error).message}`);
      return undefined;
    }
  }

  #settleResult(id: unknown, result: unknown): void {
    const onLate = this.#abandoned.get(id as number);
    const pending = this.#answered(id);
    if (pending !== undefined) this.#resolve(pending, result);
    else onLate?.(result);
  }

  /** The call that an answer belongs to, taken out; undefined when nobody waits for it. */
  #answered(id: unknown): Pending | undefined {
    const pending = typeof id === 'number' ? this.#take(id) : undefined;
    if (pending !== undefined) return pending;
    if (typeof id === 'number' && this.#abandoned.delete(id)) return undefined;
    // A child that is being ended for a restart still answers what was settled when that began.
    if (this.#connected) this.#fault(`it answered a call that was never made: id ${JSON.stringify(id)}`);
    return undefined;
  }

  #resolve(pending: Pending, result: unknown): void {
    try {
      if (pending.raw) {
        pending.settle(new RawResult(pending.method, Buffer.from(JSON.stringify(result))));
        return;
      }
      const parsed = parseResult(pending.method, result, 'protocol-error');
      pending.onResult?.(parsed);
      pending.settle(parsed);
    } catch (error) {
      pending.settle(rejection(SidecarError.from(error)));
    }
  }

  #fault(what: string): void {
    this.#options.onFault(new SidecarError('protocol-error', `The CLI broke the protocol: ${what}.`));
  }
}
