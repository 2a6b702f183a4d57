import { EventEmitter } from 'node:events';
import type { AccountInfo, CallableMethod, Params, Result } from '../src/protocol/index.js';
import { type CallOptions, checkCallOptions } from './call-options.js';
import { Connection } from './connection.js';
import { DebugLog } from './debug-log.js';
import type { SidecarEvents } from './events.js';
import { checkMethod, notRunning } from './failures.js';
import { resolveOptions, type SidecarOptions } from './options.js';
import type { RawResult } from './raw-result.js';
import { createRemote, type RemoteSidecar } from './remote.js';
import { SidecarState } from './state.js';
import { Supervision } from './supervision.js';
import type { TailStream } from './tail-stream.js';

const { STARTING, RUNNING, RESTARTING } = SidecarState;

type CallArguments<M extends CallableMethod> =
  Record<string, never> extends Params<M>
    ? [params?: Params<M>, options?: CallOptions]
    : [params: Params<M>, options?: CallOptions];

let portWarned = false;

/**
 * A CLI kept running for a desktop app: `start` it, `call` its methods, `stop` it. The CLI is spawned, read and
 * written by a worker thread, so that the thread this object lives on never blocks.
 */
export class TauriSidecar extends EventEmitter<SidecarEvents> {
  readonly #log: DebugLog;
  readonly #connection: Connection;
  readonly #supervision: Supervision;
  /** The comlink proxy of the worker's API. */
  readonly remote: RemoteSidecar;

  /** @throws SidecarError `invalid-option` */
  constructor(options: SidecarOptions = {}) {
    super();
    const resolved = resolveOptions(options);
    const emit = <K extends keyof SidecarEvents>(event: K, ...args: SidecarEvents[K]) =>
      this.emit(event, ...args);
    this.#log = new DebugLog(resolved.debug, resolved.logger);
    this.#connection = new Connection({
      maxBodyBytes: resolved.maxBodyBytes,
      stopTimeoutMs: resolved.stopTimeout,
      log: this.#log,
      emit,
      onLost: (cause) => this.#supervision.lost(cause),
    });
    this.#supervision = new Supervision({
      options: resolved,
      connection: this.#connection,
      log: this.#log,
      emit,
      isHeard: () => this.listenerCount('error') > 0,
    });
    const { sendThroughProxy } = this.#connection;
    this.remote = createRemote({
      connection: this.#connection,
      maxBodyBytes: resolved.maxBodyBytes,
      checkAlive: (method) => this.#checkAlive(method),
      call: (method, params, callOptions) => this.#dispatch(method, params, callOptions, sendThroughProxy),
    });
    warnOfPort(options);
  }

  /** Where the sidecar stands. */
  getState(): SidecarState {
    return this.#supervision.state.current;
  }

  /** Whether calls are answered now. */
  isRunning(): boolean {
    return this.#supervision.state.is(RUNNING);
  }

  /** Which account answers; undefined before the first start. */
  get account(): AccountInfo | undefined {
    return this.#connection.launched?.account;
  }

  /** The process id of the CLI, in every state in which there is one: while it starts and stops too. */
  get pid(): number | undefined {
    return this.#connection.pid;
  }

  /**
   * Starts the CLI. Resolves when it is ready; called again meanwhile, it gives the same promise.
   * @throws SidecarError `start-failed`, `authentication-failed`, `version-mismatch`, or `not-running` when stopped meanwhile
   */
  start(): Promise<void> {
    return this.#supervision.start();
  }

  /** Ends the CLI and the worker thread, at any moment and in any state. Leaves no process. Resolves within `stopTimeout`. */
  stop(): Promise<void> {
    return this.#supervision.stop();
  }

  /** Ends the CLI and starts it anew; starts it when it does not run. Calls made meanwhile wait. */
  restart(): Promise<void> {
    return this.#supervision.restart();
  }

  /**
   * Calls a method of the contract. While the sidecar starts or restarts, the call waits, within its timeout.
   * @throws SidecarError with the method's codes, or `not-running`, `timeout`, `cancelled`, `indeterminate`
   */
  call<M extends CallableMethod>(method: M, ...[params, options = {}]: CallArguments<M>): Promise<Result<M>> {
    return this.#dispatch(method, params, options);
  }

  /**
   * Makes a call whose result stays as it came, in bytes: for a UI that hands a large one on, or parses it elsewhere.
   * @throws SidecarError as `call` does
   */
  async callRaw<M extends CallableMethod>(
    method: Exclude<M, 'dashboard.tailLogs' | 'system.shutdown'>,
    ...[params, options = {}]: CallArguments<M>
  ): Promise<RawResult<M>> {
    this.#checkAlive(method);
    checkMethod(method);
    const answered = this.#connection.calls.callRaw<M>(method, params, options);
    return this.#log.enabled ? this.#logged(method, answered) : answered;
  }

  /**
   * Streams the trace events of a Worker; the reading begins at once. Ends with the loop over it or with the signal.
   * @throws SidecarError `not-running`, `invalid-option`; from the iteration, the codes of `dashboard.tailLogs`
   */
  tailLogs(params: Params<'dashboard.tailLogs'>, options: { signal?: AbortSignal } = {}): TailStream {
    this.#checkAlive('dashboard.tailLogs');
    return this.#connection.tails.open(params, checkCallOptions(options).signal);
  }

  /** Stops the sidecar. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** An `error` nobody listens to must not end the host, as Node would have it: it becomes a warning. */
  override emit<K>(event: K | keyof SidecarEvents, ...args: unknown[]): boolean {
    if (event === 'error' && this.listenerCount('error') === 0) {
      process.emitWarning(this.#log.redact((args[0] as Error).message), 'FluoriteFlakeWarning');
      return false;
    }
    return (super.emit as (event: unknown, ...args: unknown[]) => boolean)(event, ...args);
  }

  /** Whether calls are answered, now or once a start under way is done. @throws SidecarError `not-running` */
  #checkAlive(method: string): void {
    const { state } = this.#supervision;
    if (!state.is(STARTING, RUNNING, RESTARTING)) throw notRunning(method, state.current);
  }

  #dispatch<M extends CallableMethod>(
    method: M,
    params: unknown,
    options: CallOptions,
    post?: (body: string) => void,
  ): Promise<Result<M>> {
    try {
      this.#checkAlive(method);
      checkMethod(method);
    } catch (error) {
      return Promise.reject(error);
    }
    const answered = this.#call(method, params, options, post);
    return this.#log.enabled ? this.#logged(method, answered) : answered;
  }

  #call<M extends CallableMethod>(
    method: M,
    params: unknown,
    options: CallOptions,
    post?: (body: string) => void,
  ): Promise<Result<M>> {
    const { calls, tails } = this.#connection;
    if (method === 'dashboard.tailLogs') return tails.openForEvents(params, options) as Promise<Result<M>>;
    if (method === 'dashboard.stopTail') return tails.stop(params, options, post) as Promise<Result<M>>;
    if (method === 'system.shutdown') return calls.call(method, params, options, () => void this.stop());
    return calls.call(method, params, options, undefined, post);
  }

  async #logged<T>(method: string, answered: Promise<T>): Promise<T> {
    const startedMs = performance.now();
    const elapsed = () => `${(performance.now() - startedMs).toFixed(1)} ms`;
    try {
      const result = await answered;
      this.#log.line(`call: ${method} answered in ${elapsed()}`);
      return result;
    } catch (error) {
      this.#log.line(`call: ${method} failed in ${elapsed()}: ${(error as Error).message}`);
      throw error;
    }
  }
}

function warnOfPort(options: SidecarOptions): void {
  if (portWarned || (options.ipcPort === undefined && options.ipcHost === undefined)) return;
  portWarned = true;
  process.emitWarning(
    '`ipcPort` and `ipcHost` have no effect: the sidecar talks over stdio and opens no port.',
    'FluoriteFlakeWarning',
  );
}
