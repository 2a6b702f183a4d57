import { SidecarError } from '../src/protocol/index.js';
import { warnOfAccount } from './account-warning.js';
import type { Connection } from './connection.js';
import type { DebugLog } from './debug-log.js';
import type { SidecarEvents } from './events.js';
import { notRunning, stoppedMeanwhile } from './failures.js';
import { launchOptions } from './launch-options.js';
import type { ResolvedOptions } from './options.js';
import { findPackageFiles } from './package-files.js';
import { countedAttempts, decideRestart, type RestartPolicy } from './restart-policy.js';
import { SidecarState, StateMachine } from './state.js';
import { Uptime } from './uptime.js';

const { STARTING, RUNNING, STOPPING, STOPPED, ERROR, RESTARTING, IDLE } = SidecarState;

export interface SupervisionOptions {
  options: ResolvedOptions;
  connection: Connection;
  log: DebugLog;
  emit<K extends keyof SidecarEvents>(event: K, ...args: SidecarEvents[K]): boolean;
  /** Whether anybody listens to `error`. */
  isHeard(): boolean;
}

/** Takes the connection through the states: start, stop, restart, and what follows when the child has gone. */
export class Supervision {
  readonly #options: ResolvedOptions;
  readonly #policy: RestartPolicy;
  readonly #connection: Connection;
  readonly #log: DebugLog;
  readonly #emit: SupervisionOptions['emit'];
  readonly #isHeard: SupervisionOptions['isHeard'];
  readonly state: StateMachine;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  /** A start asked for during a stop. */
  #waitingStart: Promise<void> | undefined;
  #stopsAsked = 0;
  #cancelBackoff: () => void = () => {};
  /** Restarts since the last healthy minute. */
  #attempts = 0;
  readonly #uptime = new Uptime();

  constructor({ options, connection, log, emit, isHeard }: SupervisionOptions) {
    const { autoRestart, restartDelay: restartDelayMs, maxRestarts } = options;
    this.#options = options;
    this.#policy = { autoRestart, restartDelayMs, maxRestarts };
    this.#connection = connection;
    this.#log = log;
    this.#emit = emit;
    this.#isHeard = isHeard;
    this.state = new StateMachine(({ from, to }) => {
      log.line(`state: ${from} -> ${to}`);
      emit('state-change', { from, to });
      if (to === RUNNING) emit('started');
      if (to === STOPPED) emit('stopped');
    });
  }

  start(): Promise<void> {
    if (this.#stopping !== undefined) return this.#startAfter(this.#stopping);
    if (this.state.is(RUNNING)) return Promise.resolve();
    if (this.#starting !== undefined) return this.#starting;
    return this.#launchAs(STARTING);
  }

  stop(): Promise<void> {
    // A start that waits for a stop under way was asked for earlier than this.
    this.#stopsAsked++;
    this.#waitingStart = undefined;
    if (this.#stopping !== undefined) return this.#stopping;
    if (this.state.is(IDLE, STOPPED)) return Promise.resolve();
    // Listeners of the change may call `stop()` again: they get this promise.
    const stopping = Promise.resolve().then(() => this.#stop());
    this.#stopping = stopping;
    this.state.to(STOPPING);
    return stopping;
  }

  restart(): Promise<void> {
    if (!this.state.is(RUNNING)) return this.start();
    return this.#launchAs(RESTARTING);
  }

  /** The child has gone. Only one that was running is missed. */
  lost(cause: SidecarError): void {
    if (!this.state.is(RUNNING)) return;
    this.#attempts = countedAttempts(this.#attempts, this.#uptime.stop());
    this.#recover(cause);
  }

  #startAfter(stopping: Promise<void>): Promise<void> {
    const stopsAsked = this.#stopsAsked;
    this.#waitingStart ??= stopping.then(() => {
      if (stopsAsked !== this.#stopsAsked) throw stoppedMeanwhile();
      this.#waitingStart = undefined;
      return this.start();
    });
    return this.#waitingStart;
  }

  #launchAs(state: SidecarState): Promise<void> {
    this.#attempts = 0;
    // Listeners of the change may call `start()` again: they get this promise.
    const starting = this.#track(Promise.resolve().then(() => this.#launchDuring(state)));
    this.state.to(state);
    this.#connection.interrupt();
    return starting;
  }

  #track(work: Promise<void>): Promise<void> {
    const starting = work.finally(() => {
      if (this.#starting === starting) this.#starting = undefined;
    });
    this.#starting = starting;
    return starting;
  }

  /** A start or restart that was asked for: when it fails it ends in ERROR, unless `stop()` has taken over. */
  async #launchDuring(state: SidecarState): Promise<void> {
    try {
      await this.#connection.stopChild();
      await this.#launch(state);
    } catch (cause) {
      if (!this.state.is(state)) throw stoppedMeanwhile(cause);
      const error = SidecarError.from(cause);
      await this.#fail(error, true);
      throw error;
    }
  }

  async #launch(during: SidecarState): Promise<void> {
    try {
      if (!this.state.is(during)) throw stoppedMeanwhile();
      const files = findPackageFiles(this.#options.workerPath);
      await this.#connection.launch(launchOptions(this.#options, files), files);
    } catch (error) {
      if (this.state.is(during)) this.#reportLaunchFailure(SidecarError.from(error));
      throw error;
    }
    if (!this.state.is(during)) throw stoppedMeanwhile();
    this.#uptime.start();
    this.#logLaunched();
    this.#emit('ipc-connected');
    if (!this.state.is(during)) throw stoppedMeanwhile();
    this.state.to(RUNNING);
    if (this.state.is(RUNNING)) this.#connection.open();
  }

  #logLaunched(): void {
    const { launched } = this.#connection;
    if (launched === undefined) return;
    this.#log.line(
      `connected: pid ${launched.pid}, ${launched.account.kind} account ${launched.account.name}`,
    );
    // The debug log has the CLI's own words about the account.
    if (!this.#log.enabled) warnOfAccount(launched.account, this.#options.account);
  }

  /** A child that was never spawned is the process's error; a handshake that went wrong is the connection's. */
  #reportLaunchFailure(error: SidecarError): void {
    const { reason } = error.data;
    if (error.code === 'worker-thread-failed') return;
    if (reason === undefined) this.#emit('process-error', error);
    else if (reason !== 'start-failed') this.#emit('ipc-error', error);
  }

  /** Restarts, or ends in ERROR, as the policy has it. */
  #recover(cause: SidecarError): void {
    const decision = decideRestart(this.#policy, this.#attempts, Math.random());
    if (decision.kind === 'restart') {
      this.#attempts = decision.attempt;
      if (!this.state.is(RESTARTING)) this.state.to(RESTARTING);
      if (!this.state.is(RESTARTING)) return;
      this.#log.line(
        `restart: attempt ${decision.attempt} of ${this.#policy.maxRestarts} in ${decision.delayMs} ms`,
      );
      // Its failure is told by events; only a caller of `start()` meanwhile gets it as a rejection.
      this.#track(this.#attemptAfter(decision.delayMs)).catch(() => undefined);
      return;
    }
    if (decision.kind === 'stay-down') {
      void this.#fail(cause);
      return;
    }
    const { attempts } = decision;
    const during = this.state.current;
    this.#emit('max-restarts-reached', attempts);
    const message = `The CLI was restarted ${attempts} times and keeps failing: ${cause.message}`;
    if (this.state.is(during))
      void this.#fail(new SidecarError('max-restarts-reached', message, { cause, data: { attempts } }));
  }

  async #attemptAfter(delayMs: number): Promise<void> {
    await this.#backOff(delayMs);
    try {
      await this.#launch(RESTARTING);
    } catch (cause) {
      const error = SidecarError.from(cause);
      if (!this.state.is(RESTARTING)) throw stoppedMeanwhile(error);
      this.#emit('restart-failed', error);
      this.#starting = undefined;
      if (this.state.is(RESTARTING)) this.#recover(error);
      // The next attempt, if there is one, decides for whoever waits.
      if (this.#starting !== undefined) return this.#starting;
      throw error;
    }
  }

  #backOff(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.#cancelBackoff = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /**
   * Ends in ERROR: every call is settled, the thread is ended.
   * @param isTold a caller gets the error too: without a listener there is nobody else to tell it to
   */
  async #fail(error: SidecarError, isTold = false): Promise<void> {
    this.#uptime.stop();
    this.state.to(ERROR);
    const lost = (method: string) =>
      new SidecarError('connection-lost', `${method} was not answered: ${error.message}`, { cause: error });
    const closed = this.#connection.close(lost, () => lost('dashboard.tailLogs'));
    this.#starting = undefined;
    if (!isTold || this.#isHeard()) this.#emit('error', error);
    await closed;
  }

  async #stop(): Promise<void> {
    this.#cancelBackoff();
    this.#uptime.stop();
    await this.#connection.stopChild();
    await this.#connection.close((method) => notRunning(method, STOPPED));
    this.#starting = undefined;
    this.#stopping = undefined;
    this.state.to(STOPPED);
  }
}
