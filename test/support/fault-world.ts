// The library and the worker's supervisor, real, in one thread, over children and a thread boundary that are none: every
// fault can be had at every moment, and time is turned by hand.
import { Connection, type WorkerLink } from '../../bridge/connection.js';
import { DebugLog } from '../../bridge/debug-log.js';
import { resolveOptions } from '../../bridge/options.js';
import { type SidecarState, type StateChange, TRANSITIONS } from '../../bridge/state.js';
import { Supervision } from '../../bridge/supervision.js';
import { SidecarError } from '../../src/protocol/index.js';
import type { LaneMessage } from '../../worker/contract.js';
import { Failure, outcomeOf } from '../../worker/failure.js';
import { Lane } from '../../worker/lane.js';
import { type Spawner, Supervisor } from '../../worker/supervisor.js';
import { type Executions, FakeChild, type FakeChildOptions } from './fault-child.js';

export type Birth = FakeChildOptions['birth'] | 'unspawned';
type Api = Parameters<Parameters<WorkerLink['run']>[0]>[0];

const TOKEN = 'the token of the simulation';

/** A worker thread that is none. What crosses it takes a turn of the event loop. */
class FakeThread implements WorkerLink {
  readonly #supervisor: Supervisor;
  readonly #deliver: (message: LaneMessage) => void;
  readonly #onDeath: (error: SidecarError) => void;
  readonly #running = new Set<(error: unknown) => void>();
  #lane: LaneMessage[] = [];
  #outbox: string[] = [];
  #death: SidecarError | undefined;
  isDead = false;
  /** It lives and does nothing more: what it is sent stays, and it sends and signals nothing. */
  isWedged = false;
  child: FakeChild | undefined;

  constructor(
    spawner: (thread: FakeThread) => Spawner,
    deliver: (message: LaneMessage) => void,
    onDeath: (error: SidecarError) => void,
  ) {
    this.#deliver = deliver;
    this.#onDeath = onDeath;
    const port = { postMessage: (message: LaneMessage) => this.#post(message) };
    this.#supervisor = new Supervisor(new Lane(port as never), spawner(this));
  }

  #post(message: LaneMessage): void {
    if (this.isDead || this.isWedged) return;
    this.#lane.push(message);
    setImmediate(() => this.drain());
  }

  drain(): void {
    for (const message of this.#lane.splice(0)) this.#deliver(message);
  }

  run<T>(call: (api: Api) => Promise<T>): Promise<T> {
    if (this.#death !== undefined) return Promise.reject(this.#death);
    const supervisor = this.#supervisor;
    const hop = async <R>(work: () => R): Promise<Awaited<R>> => {
      await new Promise((resolve) => setImmediate(resolve));
      this.#flush();
      if (this.isWedged) return new Promise<never>(() => {});
      const result = await work();
      await new Promise((resolve) => setImmediate(resolve));
      return result;
    };
    const api = {
      launch: (options: never) => hop(() => outcomeOf(() => supervisor.launch(options))),
      stop: (steps: never) => hop(() => supervisor.stop(steps)),
      kill: () => hop(() => supervisor.kill()),
      ping: () => hop(() => undefined),
      readArrived: () => hop(() => new Promise((resolve) => setImmediate(resolve))),
    };
    return new Promise((resolve, reject) => {
      this.#running.add(reject);
      call(api as unknown as Api).then(
        (value) => {
          // A dead thread answers nothing.
          if (this.#running.delete(reject)) resolve(value);
        },
        (error) => this.#running.delete(reject) && reject(error),
      );
    });
  }

  post(body: string): void {
    this.#outbox.push(body);
    if (this.#outbox.length === 1) setImmediate(() => this.#flush());
  }

  send(body: string): void {
    this.post(body);
  }

  #flush(): void {
    const bodies = this.#outbox.splice(0).join('\n');
    if (bodies !== '' && !this.isDead && !this.isWedged) this.#supervisor.writeLines(bodies);
  }

  /** Crashes: its pipes close, its child is nobody's. */
  die(): void {
    if (this.isDead) return;
    this.isDead = true;
    this.child?.stdout.removeAllListeners('data').removeAllListeners('close').resume();
    this.child?.stdin.end();
    this.#death = new SidecarError('worker-thread-failed', 'The worker thread has ended: simulated.');
    this.drain();
    this.#onDeath(this.#death);
    for (const reject of this.#running) reject(this.#death);
    this.#running.clear();
  }

  giveUp(): void {
    this.die();
  }

  async close(): Promise<void> {
    this.isDead = true;
  }
}

export interface WorldOptions {
  births: readonly Birth[];
  latencyMs: number;
  restartDelay: number;
  maxRestarts: number;
  autoRestart: boolean;
  onWrite?: FakeChildOptions['onWrite'];
}

export class World {
  readonly executions: Executions = new Map();
  readonly children: FakeChild[] = [];
  readonly changes: StateChange[] = [];
  /** What must not be. */
  readonly violations: string[] = [];
  /** Told when the connection to a child is gone. */
  onDisconnected: () => void = () => {};
  /** What the library held against a child's messages. */
  readonly faults: string[] = [];
  readonly connection: Connection;
  readonly supervision: Supervision;
  readonly #births: Birth[];
  readonly #latencyMs: number;
  readonly #onWrite: WorldOptions['onWrite'];
  #thread: FakeThread | undefined;

  constructor({ births, latencyMs, onWrite, ...options }: WorldOptions) {
    this.#births = [...births];
    this.#latencyMs = latencyMs;
    this.#onWrite = onWrite;
    const resolved = resolveOptions({
      authToken: TOKEN,
      account: 'local',
      startTimeout: 2000,
      heartbeatTimeout: 6000,
      ...options,
    });
    const log = new DebugLog(false, undefined);
    const emit = (event: string, ...args: unknown[]) => {
      if (event === 'state-change') this.#changed(args[0] as StateChange);
      if (event === 'ipc-disconnected') this.onDisconnected();
      if (event === 'ipc-error') this.faults.push((args[0] as Error).message);
      return true;
    };
    this.connection = new Connection({
      maxBodyBytes: resolved.maxBodyBytes,
      stopTimeoutMs: resolved.stopTimeout,
      log,
      emit,
      onLost: (cause) => this.supervision.lost(cause),
      createHost: (onMessage, onDeath) => {
        this.#thread = new FakeThread((thread) => this.#spawner(thread), onMessage, onDeath);
        return this.#thread;
      },
    });
    this.supervision = new Supervision({
      options: resolved,
      connection: this.connection,
      log,
      emit,
      isHeard: () => true,
    });
  }

  get state(): SidecarState {
    return this.supervision.state.current;
  }

  /** The child that was spawned last, if it lives. */
  get child(): FakeChild | undefined {
    const child = this.children.at(-1);
    return child?.isAlive ? child : undefined;
  }

  killThread(): void {
    this.#thread?.die();
  }

  wedgeThread(): void {
    if (this.#thread !== undefined) this.#thread.isWedged = true;
  }

  /** As the kernel's `kill`. */
  readonly kill = (pid: number): true => {
    const child = this.children.find((one) => one.pid === pid);
    if (!child?.isAlive) throw Object.assign(new Error('kill ESRCH'), { code: 'ESRCH' });
    child.signal('SIGKILL');
    return true;
  };

  #changed(change: StateChange): void {
    const last = this.changes.at(-1);
    if (last !== undefined && last.to !== change.from)
      this.violations.push(`${last.to} became ${change.from} untold`);
    if (!TRANSITIONS[change.from].includes(change.to)) this.violations.push(`${change.from} -> ${change.to}`);
    this.changes.push(change);
  }

  #spawner(thread: FakeThread): Spawner {
    return {
      resolveCli: async () => ({ file: 'simulated', args: [] }),
      spawnChild: async () => {
        const birth = this.#births.shift() ?? 'well';
        if (birth === 'unspawned' || thread.isDead)
          throw new Failure('start-failed', 'It cannot be spawned.');
        if (this.children.some(({ isAlive }) => isAlive)) this.violations.push('two children');
        const child = new FakeChild({
          pid: 2 ** 30 + this.children.length,
          token: TOKEN,
          executions: this.executions,
          birth,
          latencyMs: this.#latencyMs,
          onWrite: this.#onWrite,
        });
        this.children.push(child);
        thread.child = child;
        // A dead thread signals nobody, though its timers live on in this one.
        return Object.create(child, {
          signal: {
            value: (signal: 'SIGTERM' | 'SIGKILL') =>
              !thread.isDead && !thread.isWedged && child.signal(signal),
          },
        });
      },
      processActivity: async (pid) => this.children.find((one) => one.pid === pid)?.activity(),
    };
  }
}
