import { EventEmitter } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type AccountInfo,
  type CallableMethod,
  methods,
  type Params,
  PROTOCOL_VERSION,
  type Result,
  SidecarError,
} from '../src/protocol/index.js';
import { VERSION } from '../src/version.js';
import type {
  ErrorValue,
  LaneMessage,
  Launched,
  LaunchOptions,
  Outcome,
  RemoteCallOptions,
} from '../worker/contract.js';
import { type CallOptions, Calls } from './calls.js';
import { childEnvironment } from './child-environment.js';
import { DebugLog } from './debug-log.js';
import type { SidecarEvents } from './events.js';
import { createAuthToken, type ResolvedOptions, resolveOptions, type SidecarOptions } from './options.js';
import type { RemoteSidecar } from './remote.js';
import { countedAttempts, decideRestart } from './restart-policy.js';
import { SidecarState, StateMachine } from './state.js';
import type { TailStream } from './tail-stream.js';
import { Tails } from './tails.js';
import { WorkerHost } from './worker-host.js';

/** The package's own CLI, beside this module in the sources and in what is built. */
const OWN_CLI = fileURLToPath(new URL(`../src/cli${extname(import.meta.url)}`, import.meta.url));
/** The ladder of `stop()`: 6 s in all at the most. */
const STOP_STEPS = { shutdownMs: 4000, stdinEndMs: 1000, sigtermMs: 800 };
const { STARTING, RUNNING, STOPPING, STOPPED, ERROR, RESTARTING, IDLE } = SidecarState;

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
  readonly #options: ResolvedOptions;
  readonly #log: DebugLog;
  readonly #state: StateMachine;
  readonly #calls: Calls;
  readonly #tails: Tails;
  #host: WorkerHost | undefined;
  #launched: Launched | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #backoff: { timer: NodeJS.Timeout; cancel(): void } | undefined;
  #attempts = 0;
  #runningSinceMs = 0;
  /** Ends waits of `remote` for a connection. */
  readonly #waiters = new Set<{ resolve(host: WorkerHost): void; reject(error: SidecarError): void }>();

  /** The comlink proxy of the worker's API. */
  readonly remote: RemoteSidecar;

  /** @throws SidecarError `invalid-option` */
  constructor(options: SidecarOptions = {}) {
    super();
    this.#options = resolveOptions(options);
    this.#log = new DebugLog(this.#options.debug, this.#options.logger);
    this.#state = new StateMachine(({ from, to }) => {
      this.#log.line(`state: ${from} -> ${to}`);
      this.emit('state-change', { from, to });
      if (to === RUNNING) this.emit('started');
      if (to === STOPPED) this.emit('stopped');
    });
    this.#calls = new Calls({
      maxBodyBytes: this.#options.maxBodyBytes,
      post: (framed) => this.#host?.post(framed),
      onFault: (error) => this.#protocolFault(error),
    });
    this.#tails = new Tails(this.#calls, this);
    this.remote = this.#createRemote();
    warnOfPort(options);
  }

  /** Where the sidecar stands. */
  getState(): SidecarState {
    return this.#state.current;
  }

  /** Whether calls are answered now. */
  isRunning(): boolean {
    return this.#state.is(RUNNING);
  }

  /** Which account answers; undefined before the first start. */
  get account(): AccountInfo | undefined {
    return this.#launched?.account;
  }

  /** The process id of the CLI, while it runs. */
  get pid(): number | undefined {
    return this.#state.is(RUNNING) ? this.#launched?.pid : undefined;
  }

  /**
   * Starts the CLI. Resolves when it is ready; called again meanwhile, it gives the same promise.
   * @throws SidecarError `start-failed`, `authentication-failed`, `version-mismatch`, or `not-running` when stopped meanwhile
   */
  start(): Promise<void> {
    if (this.#state.is(RUNNING)) return Promise.resolve();
    if (this.#starting !== undefined) return this.#starting;
    if (this.#stopping !== undefined) return this.#stopping.then(() => this.start());
    this.#attempts = 0;
    return this.#track(this.#start());
  }

  /** Ends the CLI and the worker thread, at any moment and in any state. Leaves no process. Resolves within 6 s. */
  stop(): Promise<void> {
    if (this.#stopping !== undefined) return this.#stopping;
    if (this.#state.is(IDLE, STOPPED)) return Promise.resolve();
    this.#stopping = this.#stop().finally(() => {
      this.#stopping = undefined;
    });
    return this.#stopping;
  }

  /** Ends the CLI and starts it anew; starts it when it does not run. Calls made meanwhile wait. */
  restart(): Promise<void> {
    if (!this.#state.is(RUNNING)) return this.start();
    this.#attempts = 0;
    this.#state.to(RESTARTING);
    return this.#track(this.#restart());
  }

  /**
   * Calls a method of the contract. While the sidecar starts or restarts, the call waits, within its timeout.
   * @throws SidecarError with the method's codes, or `not-running`, `timeout`, `cancelled`, `indeterminate`
   */
  async call<M extends CallableMethod>(
    method: M,
    ...[params, options = {}]: CallArguments<M>
  ): Promise<Result<M>> {
    if (!this.#state.is(STARTING, RUNNING, RESTARTING)) throw notRunning(method, this.#state.current);
    if (!Object.hasOwn(methods, method) || (method as string) === 'initialize') throw unknownMethod(method);
    const result = this.#log.enabled
      ? this.#loggedCall(method, params, options)
      : this.#call(method, params, options);
    return result;
  }

  /**
   * Streams the trace events of a Worker; the reading begins at once. Ends with the loop over it or with the signal.
   * @throws SidecarError, from the iteration, with the codes of `dashboard.tailLogs`
   */
  tailLogs(params: Params<'dashboard.tailLogs'>, options: { signal?: AbortSignal } = {}): TailStream {
    if (!this.#state.is(STARTING, RUNNING, RESTARTING))
      throw notRunning('dashboard.tailLogs', this.#state.current);
    return this.#tails.open(params, options.signal);
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

  #call<M extends CallableMethod>(method: M, params: unknown, options: CallOptions): Promise<Result<M>> {
    if (method === 'dashboard.tailLogs')
      return this.#tails.openForEvents(params, options) as Promise<Result<M>>;
    if (method === 'system.shutdown')
      return this.#calls.call(method, params, options, () => void this.stop());
    return this.#calls.call(method, params, options);
  }

  async #loggedCall<M extends CallableMethod>(
    method: M,
    params: unknown,
    options: CallOptions,
  ): Promise<Result<M>> {
    const startedMs = performance.now();
    const elapsed = () => `${(performance.now() - startedMs).toFixed(1)} ms`;
    try {
      const result = await this.#call(method, params, options);
      this.#log.line(`call: ${method} answered in ${elapsed()}`);
      return result;
    } catch (error) {
      this.#log.line(`call: ${method} failed in ${elapsed()}: ${(error as Error).message}`);
      throw error;
    }
  }

  #track(work: Promise<void>): Promise<void> {
    const starting = work.finally(() => {
      if (this.#starting === starting) this.#starting = undefined;
    });
    this.#starting = starting;
    return starting;
  }

  async #start(): Promise<void> {
    this.#state.to(STARTING);
    try {
      await this.#launch();
    } catch (error) {
      throw await this.#startFailed(SidecarError.from(error), STARTING);
    }
  }

  async #restart(): Promise<void> {
    try {
      this.#disconnected();
      await this.#host?.run((api) => api.stop(STOP_STEPS));
      await this.#launch();
    } catch (error) {
      throw await this.#startFailed(SidecarError.from(error), RESTARTING);
    }
  }

  /** A start that was asked for and failed ends in ERROR, unless `stop()` has taken over. */
  async #startFailed(error: SidecarError, during: SidecarState): Promise<SidecarError> {
    if (!this.#state.is(during))
      return new SidecarError('not-running', 'The sidecar was stopped while it started.', { cause: error });
    await this.#fail(error);
    return error;
  }

  /** One attempt: a thread if there is none, a child, the handshake. */
  async #launch(): Promise<void> {
    const during = this.#state.current;
    this.#host ??= this.#createHost();
    const host = this.#host;
    const outcome = await host.run((api) => api.launch(this.#launchOptions()) as Promise<Outcome<Launched>>);
    if (!outcome.ok) {
      const error = revive(outcome.error);
      if (this.#state.is(during)) this.#reportLaunchFailure(error);
      throw error;
    }
    if (!this.#state.is(during))
      throw new SidecarError('not-running', 'The sidecar was stopped while it started.');
    this.#launched = outcome.value;
    this.#runningSinceMs = performance.now();
    this.#log.line(
      `connected: pid ${outcome.value.pid}, ${outcome.value.account.kind} account ${outcome.value.account.name}`,
    );
    this.emit('ipc-connected');
    if (!this.#state.is(during))
      throw new SidecarError('not-running', 'The sidecar was stopped while it started.');
    this.#state.to(RUNNING);
    if (!this.isRunning()) return;
    this.#calls.connect();
    this.#tails.resume();
    for (const waiter of this.#waiters) waiter.resolve(host);
    this.#waiters.clear();
  }

  #reportLaunchFailure(error: SidecarError): void {
    const { reason } = error.data;
    if (reason === undefined) this.emit('process-error', error);
    else if (reason !== 'start-failed') this.emit('ipc-error', error);
  }

  #launchOptions(): LaunchOptions {
    const {
      account,
      stateDir,
      maxBodyBytes,
      startTimeout,
      cwd,
      env,
      cliPath = OWN_CLI,
      debug,
      authToken = createAuthToken(),
    } = this.#options;
    const environment = childEnvironment(process.env, env);
    this.#log.setSecrets(authToken, environment);
    const args = ['--account', account, '--max-body-bytes', String(maxBodyBytes)];
    if (stateDir !== undefined) args.push('--state-dir', stateDir);
    if (debug) args.push('--debug');
    return {
      cliPath,
      args,
      cwd,
      env: environment,
      authToken,
      startTimeoutMs: startTimeout,
      maxBodyBytes,
      protocolVersion: PROTOCOL_VERSION,
      client: { name: 'fluorite-flake/tauri', version: VERSION },
    };
  }

  #createHost(): WorkerHost {
    const host: WorkerHost = new WorkerHost(
      (message) => {
        if (this.#host === host) this.#receive(message);
      },
      (error) => {
        if (this.#host === host) this.#threadDied(error);
      },
    );
    return host;
  }

  #receive(message: LaneMessage): void {
    switch (message.type) {
      case 'answers':
        this.#calls.receive(message.json, message.count);
        break;
      case 'answer':
        this.#calls.receive(`[${decode(message.bytes)}]`, 1);
        break;
      case 'tail':
        this.#tails.deliver(message);
        break;
      case 'notification':
        this.#notified(message.method, message.params);
        break;
      case 'stderr':
        if (this.#log.enabled)
          for (const line of message.text.trimEnd().split('\n')) this.#log.line(`cli: ${line}`);
        break;
      case 'fault':
        this.emit('ipc-error', revive(message.error));
        break;
      case 'disconnected':
        if (this.#state.is(RUNNING)) this.#disconnected();
        else if (this.#state.is(STOPPING)) this.emit('ipc-disconnected');
        break;
      case 'exit':
        this.#exited(message.status);
    }
  }

  #notified(method: string, params: unknown): void {
    if (method === '$/progress') this.#calls.progress(params as Parameters<Calls['progress']>[0]);
    else if (method === 'tail/end' || method === 'tail/batch') this.#tails.notified(method, params);
    else if (method === '$/logTrace') this.#log.line(`trace: ${(params as { message?: string }).message}`);
  }

  #disconnected(): void {
    this.#calls.disconnect();
    this.#tails.interrupt();
    this.emit('ipc-disconnected');
  }

  #exited(status: { code: number | null; signal: string | null }): void {
    this.#log.line(`exit: code ${status.code}, signal ${status.signal}`);
    this.emit('process-exit', status);
    if (!this.#state.is(RUNNING)) return;
    const how = status.signal === null ? `exit code ${status.code}` : `signal ${status.signal}`;
    this.#recover(
      new SidecarError('connection-lost', `The CLI ended unasked, with ${how}.`, { data: { ...status } }),
    );
  }

  #threadDied(error: SidecarError): void {
    this.#host = undefined;
    void this.#lastRites();
    if (!this.#state.is(RUNNING)) return;
    this.#disconnected();
    this.#recover(error);
  }

  /** The child of a dead thread obeys the end of its input; one that does not (stopped, stuck) is killed. */
  async #lastRites(): Promise<void> {
    const pid = this.#launched?.pid;
    if (pid === undefined) return;
    try {
      // The number is still its own: a dead thread reaps nothing.
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      this.#log.line(`the CLI was gone already: ${(error as Error).message}`);
    }
  }

  /** The child has gone, unasked: restart, or end in ERROR. */
  #recover(cause: SidecarError): void {
    this.#attempts = countedAttempts(this.#attempts, this.#runningSinceMs, performance.now());
    const { autoRestart, restartDelay: restartDelayMs, maxRestarts } = this.#options;
    const decision = decideRestart(
      { autoRestart, restartDelayMs, maxRestarts },
      this.#attempts,
      Math.random(),
    );
    if (decision.kind === 'stay-down') {
      void this.#fail(cause);
      return;
    }
    if (decision.kind === 'give-up') {
      this.emit('max-restarts-reached', decision.attempts);
      const message = `The CLI was restarted ${decision.attempts} times and keeps failing: ${cause.message}`;
      void this.#fail(
        new SidecarError('max-restarts-reached', message, { cause, data: { attempts: decision.attempts } }),
      );
      return;
    }
    this.#attempts = decision.attempt;
    if (!this.#state.is(RESTARTING)) this.#state.to(RESTARTING);
    if (!this.#state.is(RESTARTING)) return;
    this.#log.line(`restart: attempt ${decision.attempt} of ${maxRestarts} in ${decision.delayMs} ms`);
    const attempt = this.#track(this.#attemptAfter(decision.delayMs));
    // Its failure is told by events; only a caller of `start()` meanwhile gets it as a rejection.
    attempt.catch(() => undefined);
  }

  async #attemptAfter(delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#backoff = { timer: setTimeout(resolve, delayMs), cancel: resolve };
    });
    this.#backoff = undefined;
    if (!this.#state.is(RESTARTING)) throw notRunning('restart', this.#state.current);
    try {
      await this.#launch();
    } catch (cause) {
      const error = SidecarError.from(cause);
      if (!this.#state.is(RESTARTING)) throw error;
      this.emit('restart-failed', error);
      this.#starting = undefined;
      if (this.#state.is(RESTARTING)) this.#recover(error);
      // The next attempt, if there is one, decides for whoever waits.
      if (this.#starting !== undefined) return this.#starting;
      throw error;
    }
  }

  /** Ends in ERROR: the thread is ended, every call settled. */
  async #fail(error: SidecarError): Promise<void> {
    this.#state.to(ERROR);
    this.#settleAll(
      (method) =>
        new SidecarError('connection-lost', `${method} was not answered: ${error.message}`, { cause: error }),
    );
    const host = this.#host;
    this.#host = undefined;
    this.emit('error', error);
    await host?.close();
  }

  async #stop(): Promise<void> {
    this.#state.to(STOPPING);
    this.#backoff?.cancel();
    const host = this.#host;
    try {
      await host?.run((api) => api.stop(STOP_STEPS));
    } catch (error) {
      // The thread died meanwhile; its child follows it.
      this.#log.line(`stop: ${(error as Error).message}`);
    }
    this.#settleAll((method) => notRunning(method, STOPPED));
    this.#host = undefined;
    await host?.close();
    this.#state.to(STOPPED);
  }

  #settleAll(error: (method: string) => SidecarError): void {
    this.#calls.close(error);
    this.#tails.close(this.#state.is(ERROR) ? error('dashboard.tailLogs') : undefined);
    for (const waiter of this.#waiters) waiter.reject(error('remote'));
    this.#waiters.clear();
  }

  #protocolFault(error: SidecarError): void {
    this.emit('ipc-error', error);
    void this.#host?.run(async (api) => api.kill());
  }

  #createRemote(): RemoteSidecar {
    const timeoutOf = (method: CallableMethod, options?: RemoteCallOptions) =>
      options?.timeout ?? methods[method].timeoutMs;
    return {
      call: async (method, ...[params, options]) => {
        const host = await this.#connectedHost(method);
        return unwrap(
          await host.run(
            (api) => api.call(method, params, timeoutOf(method, options)) as Promise<Outcome<never>>,
          ),
        );
      },
      tail: async (params, onBatch, options) => {
        const host = await this.#connectedHost('dashboard.tailLogs');
        const timeoutMs = timeoutOf('dashboard.tailLogs', options);
        return unwrap(
          await host.run(
            (api) => api.tail(params, onBatch, timeoutMs) as Promise<Outcome<{ tailId: string }>>,
          ),
        );
      },
    };
  }

  #connectedHost(method: string): Promise<WorkerHost> | WorkerHost {
    if (this.#state.is(RUNNING) && this.#host !== undefined) return this.#host;
    if (!this.#state.is(STARTING, RUNNING, RESTARTING)) throw notRunning(method, this.#state.current);
    return new Promise((resolve, reject) => {
      this.#waiters.add({ resolve, reject });
    });
  }
}

function decode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

function revive({ code, message, data }: ErrorValue): SidecarError {
  return new SidecarError(code, message, { data });
}

function unwrap<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw revive(outcome.error);
}

function notRunning(method: string, state: SidecarState): SidecarError {
  return new SidecarError(
    'not-running',
    `${method} needs a running sidecar; this one is ${state}. Call \`start()\` first.`,
    { data: { state } },
  );
}

function unknownMethod(method: string): SidecarError {
  const known = Object.keys(methods).join(', ');
  return new SidecarError(
    'method-not-found',
    `There is no method ${JSON.stringify(method)}. There are: ${known}.`,
  );
}

function warnOfPort(options: SidecarOptions): void {
  if (portWarned || (options.ipcPort === undefined && options.ipcHost === undefined)) return;
  portWarned = true;
  process.emitWarning(
    '`ipcPort` and `ipcHost` have no effect: the sidecar talks over stdio and opens no port.',
    'FluoriteFlakeWarning',
  );
}
