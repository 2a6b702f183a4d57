import { shorten } from '../src/lib/shorten.js';
import { stopTimes } from '../src/lib/stop-times.js';
import { Deadline, judgeAfter, type Timer, within } from '../src/lib/time.js';
import { type NotificationParams, SidecarError } from '../src/protocol/index.js';
import type { ExitStatus, LaneMessage, Launched, LaunchOptions, Outcome } from '../worker/contract.js';
import { Calls } from './calls.js';
import type { DebugLog } from './debug-log.js';
import type { SidecarEvents } from './events.js';
import { endedAtOnce, endedUnasked, revive } from './failures.js';
import type { PackageFiles } from './package-files.js';
import { Tails } from './tails.js';
import { ThreadWatch } from './thread-watch.js';
import { WorkerHost } from './worker-host.js';

/** A thread needs time to kill a child, too. */
const LEAST_STOP_MS = 1000;
/** How long a thread that works needs at most to read what its child has sent. */
const READ_MS = 1000;
/** How many times the heartbeat's timeout the thread itself may be silent: whether it works cannot be told from here. */
const THREAD_FACTOR = 4;

/** How much of a failed child's stderr an error shows. */
const SHOWN_STDERR_CHARS = 4096;

type ConnectionEvents = Omit<SidecarEvents, 'started' | 'stopped' | 'state-change'>;

export interface ConnectionOptions {
  maxBodyBytes: number;
  /** How long the end of a child may take. */
  stopTimeoutMs: number;
  log: DebugLog;
  emit<K extends keyof ConnectionEvents>(event: K, ...args: ConnectionEvents[K]): boolean;
  /** The child has ended or its thread has died; asked for or not. */
  onLost(cause: SidecarError): void;
  /** Makes the thread; default {@link WorkerHost}. */
  createHost?(onMessage: (message: LaneMessage) => void, onDeath: (error: SidecarError) => void): WorkerLink;
}

/** What the connection needs of its thread. */
export type WorkerLink = Pick<WorkerHost, 'run' | 'drain' | 'post' | 'send' | 'close' | 'giveUp'>;

interface Waiter {
  resolve(host: WorkerLink): void;
  reject(error: SidecarError): void;
  timer: Timer;
}

/** The worker thread and the one child in it. Reports what happens; whether to start another is not decided here. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly calls: Calls;
  readonly tails: Tails;
  #host: WorkerLink | undefined;
  #watch: ThreadWatch | undefined;
  #launched: Launched | undefined;
  /** The child that must not outlive its thread. */
  #pid: number | undefined;
  #lastExit: { pid: number; status: ExitStatus } | undefined;
  #open = false;
  readonly #waiters = new Set<Waiter>();

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.calls = new Calls({
      maxBodyBytes: options.maxBodyBytes,
      post: (body) => this.#host?.post(body),
      readPosted: () => this.#host?.drain(),
      readArrived: () => this.#readArrived(),
      onFault: (error) => this.#protocolFault(error),
    });
    this.tails = new Tails(this.calls, options);
  }

  /** The process id of the child, from its spawn to its exit. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** What the child said of itself last; kept when it is gone. */
  get launched(): Launched | undefined {
    return this.#launched;
  }

  /**
   * One attempt: a thread if there is none, a child, the handshake. Calls pass from `open()` on.
   * @throws SidecarError
   */
  async launch(options: LaunchOptions, files: PackageFiles): Promise<void> {
    this.#options.log.setSecrets(options.authToken, options.env);
    this.#host ??= this.#createHost(files);
    const host = this.#host;
    this.#watchThread(host, options);
    const outcome = await host.run((api) => api.launch(options) as Promise<Outcome<Launched>>);
    host.drain();
    if (!outcome.ok) throw this.#redacted(revive(outcome.error));
    this.#launched = outcome.value;
    if (this.#lastExit?.pid === outcome.value.pid) throw endedAtOnce(this.#lastExit.status);
    this.#pid = outcome.value.pid;
  }

  /** Sends one message to the child through the comlink proxy instead of the lane. */
  readonly sendThroughProxy = (body: string): void => this.#host?.send(body);

  /** Lets calls through: those that wait are sent, tails go on. */
  open(): void {
    const host = this.#host;
    if (host === undefined) return;
    this.#open = true;
    this.calls.connect();
    this.tails.resume();
    this.#settleWaiters((waiter) => waiter.resolve(host));
  }

  /** Lets no more calls through: what is in flight waits for the next child, or is indeterminate. Can be called twice. */
  interrupt(): void {
    if (!this.#open) return;
    this.#open = false;
    this.calls.disconnect();
    this.tails.interrupt();
    this.#options.emit('ipc-disconnected');
  }

  /** Ends the child. Resolves when it has ended, within `stopTimeoutMs`; one whose thread fails at that is killed. */
  async stopChild(): Promise<void> {
    const host = this.#host;
    if (host === undefined) return;
    const { stopTimeoutMs } = this.#options;
    // A thread that has not come to the end of the ladder by then does not climb it.
    const limitMs = Math.max(stopTimeoutMs, LEAST_STOP_MS);
    const deadline = new Deadline(limitMs, () => host.giveUp(`it did not end the CLI within ${limitMs} ms`));
    try {
      await host.run((api) => api.stop(stopTimes(stopTimeoutMs)));
      host.drain();
    } catch (error) {
      // The thread has died, and its child with it; one that cannot end its child does not stay.
      this.#options.log.line(`stop: ${(error as Error).message}`);
      host.giveUp('it could not end the CLI');
    } finally {
      deadline.clear();
    }
  }

  /** Ends the thread; its child must have ended. Every call, tail and wait is settled. Can be called twice. */
  async close(error: (method: string) => SidecarError, tailError?: () => SidecarError): Promise<void> {
    const host = this.#host;
    this.#host = undefined;
    this.#watch?.stop();
    this.interrupt();
    this.calls.close(error);
    this.tails.close(tailError);
    this.#settleWaiters((waiter) => waiter.reject(error('remote')));
    await host?.close();
  }

  /** The thread, once calls pass. @throws SidecarError `timeout` */
  whenOpen(method: string, timeoutMs: number): Promise<WorkerLink> | WorkerLink {
    if (this.#open && this.#host !== undefined) return this.#host;
    return new Promise((resolve, reject) => {
      const timer = judgeAfter(timeoutMs, () => {
        this.#waiters.delete(waiter);
        const message = `${method} found no running CLI within ${Math.round(timeoutMs)} ms.`;
        reject(new SidecarError('timeout', message, { data: { method } }));
      });
      const waiter = { resolve, reject, timer };
      this.#waiters.add(waiter);
    });
  }

  /** Of a thread that does not answer nothing more is expected. */
  async #readArrived(): Promise<void> {
    const host = this.#host;
    if (host === undefined) return;
    host.drain();
    await within(
      READ_MS,
      host.run((api) => api.readArrived()).catch(() => undefined),
    );
    host.drain();
  }

  #settleWaiters(settle: (waiter: Waiter) => void): void {
    for (const waiter of this.#waiters) {
      waiter.timer.clear();
      settle(waiter);
    }
    this.#waiters.clear();
  }

  #createHost(files: PackageFiles): WorkerLink {
    const onMessage = (message: LaneMessage) => {
      if (this.#host === host) this.#receive(message);
    };
    const onDeath = (error: SidecarError) => {
      if (this.#host === host) this.#threadDied(error);
    };
    const { createHost } = this.#options;
    const host: WorkerLink = createHost?.(onMessage, onDeath) ?? new WorkerHost(files, onMessage, onDeath);
    return host;
  }

  #receive(message: LaneMessage): void {
    switch (message.type) {
      case 'results':
        this.calls.receiveResults(message.json, message.count);
        break;
      case 'large-result':
        this.calls.receiveLargeResult(message.id, message.bytes);
        break;
      case 'answer':
        this.calls.receiveAnswer(message.json);
        break;
      case 'tail':
        this.tails.deliver(message);
        break;
      case 'notification':
        this.#notified(message.method, message.params);
        break;
      case 'stderr':
        for (const line of message.text.split('\n')) this.#options.log.line(`cli: ${line}`);
        // A thread that died meanwhile has told so itself.
        this.#host?.run((api) => api.tookStderr(message.text.length)).catch(() => undefined);
        break;
      case 'fault':
        this.#options.emit('ipc-error', this.#redacted(revive(message.error)));
        break;
      case 'spawned':
        this.#pid = message.pid;
        break;
      case 'disconnected':
        this.interrupt();
        break;
      case 'exit':
        this.#exited(message.pid, message.status);
    }
  }

  #notified(method: string, params: unknown): void {
    if (method === '$/progress') this.calls.progress(params as NotificationParams<'$/progress'>);
    else if (method === 'tail/end' || method === 'tail/batch') this.tails.notified(method, params);
    else if (method === '$/logTrace')
      this.#options.log.line(`trace: ${(params as { message?: string }).message}`);
  }

  #exited(pid: number, status: ExitStatus): void {
    this.#pid = undefined;
    this.#lastExit = { pid, status };
    this.interrupt();
    this.#options.log.line(`exit: code ${status.code}, signal ${status.signal}`);
    this.#options.emit('process-exit', status);
    this.#options.onLost(endedUnasked(status));
  }

  #watchThread(host: WorkerLink, { heartbeatTimeoutMs, startTimeoutMs }: LaunchOptions): void {
    this.#watch?.stop();
    if (heartbeatTimeoutMs === 0) return;
    this.#watch = new ThreadWatch({
      // A thread that is new has to be loaded first.
      timeoutMs: Math.max(THREAD_FACTOR * heartbeatTimeoutMs, startTimeoutMs),
      ping: () => host.run((api) => api.ping()),
      onSilent: (silentMs) => host.giveUp(`it has not run for ${Math.round(silentMs)} ms`),
    });
  }

  #threadDied(error: SidecarError): void {
    this.#host = undefined;
    this.#watch?.stop();
    this.#killOrphan();
    this.interrupt();
    this.#options.onLost(error);
  }

  /** The child of a dead thread obeys the end of its input; one that does not (stopped, stuck) must not stay. */
  #killOrphan(): void {
    const pid = this.#pid;
    this.#pid = undefined;
    if (pid === undefined) return;
    try {
      // The number is still its own: a dead thread reaps nothing.
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      this.#options.log.line(`the CLI was gone already: ${(error as Error).message}`);
    }
  }

  /** An answer broke the protocol: the child is ended, and its exit decides what comes next. */
  #protocolFault(error: SidecarError): void {
    this.#options.emit('ipc-error', error);
    // A thread that died meanwhile has told so itself.
    this.#host?.run((api) => api.kill()).catch(() => undefined);
  }

  /** What a child wrote may hold what it was given. It is cut only after that was taken out. */
  #redacted(error: SidecarError): SidecarError {
    const { log } = this.#options;
    const { stderr } = error.data;
    const message = log.redact(error.message);
    if (typeof stderr !== 'string' || stderr === '')
      return new SidecarError(error.code, message, { data: error.data });
    const said = shorten(log.redact(stderr), SHOWN_STDERR_CHARS);
    return new SidecarError(error.code, `${message} It wrote to stderr: ${said}`, {
      data: { ...error.data, stderr: said },
    });
  }
}
