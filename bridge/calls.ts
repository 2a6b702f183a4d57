import {
  type CallableMethod,
  methods,
  type NotificationParams,
  parseParams,
  parseResult,
  type Result,
  SidecarError,
} from '../src/protocol/index.js';
import { frame } from '../src/transport/frame-writer.js';

/** Calls that may be unanswered at once, given up or not; more are refused, so that a stopped child costs bounded memory. */
const MAX_PENDING = 65_536;
const SWEEP_MS = 250;

export interface CallOptions {
  /** Cancels the call: it rejects with the code `cancelled` (name `AbortError`). */
  signal?: AbortSignal;
  /** Milliseconds to wait for the answer, restarts included. Default: the contract's for the method. */
  timeout?: number;
  /** Takes the progress of long calls. */
  onProgress?: (value: NotificationParams<'$/progress'>['value']) => void;
}

interface Pending {
  method: CallableMethod;
  /** The framed request, kept as long as it may have to be sent (again). */
  framed: string;
  sent: boolean;
  /** `performance.now()` from which on the sweep gives the call up; 0 when it has a timer of its own. */
  deadlineMs: number;
  timeoutMs: number;
  resolve(result: unknown): void;
  reject(error: SidecarError): void;
  onResult: ((result: unknown) => void) | undefined;
  onProgress: CallOptions['onProgress'];
  release: (() => void) | undefined;
}

interface Answer {
  id?: unknown;
  result?: unknown;
  error?: { code: number; message: string; data?: Record<string, unknown> };
}

export interface CallsOptions {
  maxBodyBytes: number;
  /** Sends framed text to the child. */
  post(framed: string): void;
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
  readonly #pending = new Map<number, Pending>();
  /** Calls given up here whose answers may still come. */
  readonly #abandoned = new Set<number>();
  #nextId = 2;
  #connected = false;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Makes a call; while there is no connection it waits for one. `onResult` runs in the turn the answer is read in. */
  call<M extends CallableMethod>(
    method: M,
    params: unknown,
    options: CallOptions = {},
    onResult?: (result: Result<M>) => void,
  ): Promise<Result<M>> {
    return new Promise((resolve, reject) => {
      const { signal } = options;
      if (signal?.aborted) throw cancelled(method, signal);
      if (this.#pending.size + this.#abandoned.size >= MAX_PENDING) {
        throw new SidecarError('overloaded', `${method}: ${MAX_PENDING} calls wait for an answer already.`);
      }
      const id = this.#nextId;
      const framed = this.#frame(id, method, params);
      this.#nextId += 2;
      const timeoutMs = checkTimeout(options.timeout) ?? methods[method].timeoutMs;
      const pending: Pending = {
        method,
        framed,
        sent: false,
        deadlineMs: 0,
        timeoutMs,
        resolve: resolve as (result: unknown) => void,
        reject,
        onResult: onResult as ((result: unknown) => void) | undefined,
        onProgress: options.onProgress,
        release: undefined,
      };
      this.#pending.set(id, pending);
      this.#limitTime(id, pending, options);
      if (this.#connected) this.#send(pending);
    });
  }

  /** Sends a notification, if there is a connection. */
  notify(method: string, params: unknown): void {
    if (this.#connected) this.#options.post(frame(JSON.stringify({ jsonrpc: '2.0', method, params })));
  }

  /** There is a connection: what waits is sent. */
  connect(): void {
    this.#connected = true;
    for (const pending of this.#pending.values()) if (!pending.sent) this.#send(pending);
  }

  /** The connection is gone. Calls that are safe to repeat wait for the next one, the others are indeterminate. */
  disconnect(): void {
    this.#connected = false;
    this.#abandoned.clear();
    for (const [id, pending] of this.#pending) {
      if (!pending.sent) continue;
      if (methods[pending.method].repeatable) pending.sent = false;
      else this.#take(id)?.reject(indeterminate(pending.method));
    }
  }

  /** There will be no other connection: every call is settled. */
  close(error: (method: string) => SidecarError): void {
    this.#connected = false;
    this.#abandoned.clear();
    for (const [id, pending] of this.#pending) this.#take(id)?.reject(error(pending.method));
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  /** `count` answers, as the text of one JSON array. */
  receive(json: string, count: number): void {
    let answers: Answer[];
    try {
      answers = JSON.parse(json) as Answer[];
    } catch (error) {
      this.#fault(`an answer is not JSON: ${(error as Error).message}`);
      return;
    }
    // Bodies were joined unparsed: one that is broken could swallow its neighbour, and then the count is off.
    if (answers.length !== count) this.#fault('an answer is not JSON');
    else for (const answer of answers) this.#settle(answer);
  }

  progress({ token, value }: NotificationParams<'$/progress'>): void {
    if (typeof token === 'number') this.#pending.get(token)?.onProgress?.(value);
  }

  #frame(id: number, method: CallableMethod, params: unknown): string {
    parseParams(method, params);
    let body: string;
    try {
      body = `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${JSON.stringify(params ?? {})}}`;
    } catch (cause) {
      throw new SidecarError(
        'invalid-params',
        `${method}: the params cannot be written as JSON: ${(cause as Error).message}.`,
        { cause },
      );
    }
    const { maxBodyBytes } = this.#options;
    const framed = frame(body);
    if (framed.length > maxBodyBytes / 3 && Buffer.byteLength(body) > maxBodyBytes) {
      throw new SidecarError(
        'limit-exceeded',
        `${method}: the params have ${Buffer.byteLength(body)} bytes as JSON; the limit is ${maxBodyBytes}. Give big values by file path.`,
        { data: { limitBytes: maxBodyBytes } },
      );
    }
    return framed;
  }

  #send(pending: Pending): void {
    pending.sent = true;
    this.#options.post(pending.framed);
    if (!methods[pending.method].repeatable) pending.framed = '';
  }

  /** A timeout or signal of the caller's own gets a timer; the contract's timeouts share one sweep. */
  #limitTime(id: number, pending: Pending, { timeout, signal }: CallOptions): void {
    if (timeout === undefined) {
      pending.deadlineMs = performance.now() + pending.timeoutMs;
      this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
    }
    if (timeout === undefined && signal === undefined) return;
    const timer = timeout === undefined ? undefined : setTimeout(() => this.#expire(id), timeout);
    const onAbort = () => this.#giveUp(id)?.reject(cancelled(pending.method, signal as AbortSignal));
    signal?.addEventListener('abort', onAbort, { once: true });
    pending.release = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
  }

  #sweep(): void {
    if (this.#pending.size === 0) {
      clearInterval(this.#sweeper);
      this.#sweeper = undefined;
      return;
    }
    const now = performance.now();
    for (const [id, { deadlineMs }] of this.#pending) {
      if (deadlineMs !== 0 && now >= deadlineMs) this.#expire(id);
    }
  }

  #expire(id: number): void {
    const pending = this.#giveUp(id);
    if (pending === undefined) return;
    const { method, timeoutMs } = pending;
    pending.reject(
      new SidecarError('timeout', `${method} was not answered within ${timeoutMs} ms.`, {
        data: { method, timeoutMs },
      }),
    );
  }

  /** Takes a call out and tells the server, whose answer may be on the way already. */
  #giveUp(id: number): Pending | undefined {
    const pending = this.#take(id);
    if (pending?.sent) {
      this.#abandoned.add(id);
      this.notify('$/cancelRequest', { id });
    }
    return pending;
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    pending.release?.();
    return pending;
  }

  #settle(answer: Answer): void {
    const { id, error } = answer;
    const pending = typeof id === 'number' ? this.#take(id) : undefined;
    if (pending === undefined) {
      if (typeof id === 'number' && this.#abandoned.delete(id)) return;
      this.#fault(`it answered a call that was never made: id ${JSON.stringify(id)}`);
      return;
    }
    if (error === undefined && 'result' in answer) this.#resolve(pending, answer.result);
    else if (error !== undefined && !('result' in answer)) pending.reject(SidecarError.fromWire(error));
    else {
      pending.reject(
        new SidecarError(
          'protocol-error',
          `The answer to ${pending.method} has not exactly one of result and error.`,
        ),
      );
      this.#fault('an answer has not exactly one of result and error');
    }
  }

  #resolve(pending: Pending, result: unknown): void {
    try {
      const parsed = parseResult(pending.method, result, 'protocol-error');
      pending.onResult?.(parsed);
      pending.resolve(parsed);
    } catch (error) {
      pending.reject(SidecarError.from(error));
    }
  }

  #fault(what: string): void {
    this.#options.onFault(new SidecarError('protocol-error', `The CLI broke the protocol: ${what}.`));
  }
}

/** @throws SidecarError `invalid-option` */
export function checkTimeout(timeout: number | undefined): number | undefined {
  if (timeout === undefined || (Number.isFinite(timeout) && timeout > 0 && timeout < 2 ** 31)) return timeout;
  throw new SidecarError('invalid-option', `\`timeout\` is a number of milliseconds over 0, not ${timeout}.`);
}

function cancelled(method: string, signal: AbortSignal): SidecarError {
  return new SidecarError('cancelled', `${method} was cancelled.`, { cause: signal.reason });
}

function indeterminate(method: string): SidecarError {
  return new SidecarError(
    'indeterminate',
    `The CLI ended while ${method} was in flight: it may or may not have been carried out. Look before you repeat it.`,
    { data: { method } },
  );
}
