import { join, resolve } from 'node:path';
import { SidecarError } from '../../../protocol/index.js';
import type { KvStorage, LocalRuntime, R2Storage, RuntimeWorker, TraceListener } from '../runtime.js';
import { DanglingEntrypoints } from './dangling-entrypoints.js';
import { changedWorkers, endlessStart, notReadyAfterMs } from './endless-start.js';
import { Generation } from './generation.js';
import { WorkerdKvStorage } from './kv-storage.js';
import { WorkerdLauncher } from './launcher.js';
import { WorkerdR2Storage } from './r2-storage.js';
import { runtimeConfig } from './runtime-config.js';
import { toScriptError } from './script-error.js';
import { StorageProcess } from './storage-process.js';
import { TraceServer } from './trace-server.js';

export interface WorkerdRuntimeOptions {
  /** KV values and R2 objects are kept in `<stateDir>/storage`. One runtime at a time may use it. */
  stateDir: string;
  /** Where to make the private folder of sockets; its path must be short. Default: XDG_RUNTIME_DIR or the temporary folder. */
  socketDir?: string;
  /** Lets Workers reach public addresses with `fetch()` and `connect()`. Default false: they get an error that says so. */
  allowNetwork?: boolean;
  /** A descriptor that workerd and its guards keep open as long as they live: its end tells that they are gone. */
  aliveFd?: number;
  /** How long Workers' code at top level may compute. Default 10,000; without /proc a start has 30,000 in any case. */
  startTimeoutMs?: number;
  /** How long a Worker may take until its answer begins. Default 100,000, as Cloudflare's proxy waits. */
  responseTimeoutMs?: number;
  /**
   * How long the process of all Workers may not react before it is ended and the next use starts it anew. Default
   * 30,000, the processor time that Cloudflare grants a request.
   */
  hangTimeoutMs?: number;
  /** A line for the debug log: what workerd writes to stderr, and warnings. */
  log(line: string): void;
}

/** Each old generation holds its memory (about 90 MB) while its requests finish: so many may do so at a time. */
const MAX_RETIRING = 3;

const DEFAULT_START_TIMEOUT_MS = 10_000;
const DEFAULT_RESPONSE_TIMEOUT_MS = 100_000;
const DEFAULT_HANG_TIMEOUT_MS = 30_000;

/** The local account's workerd processes: storage, and one generation of Workers at a time. */
export class WorkerdRuntime implements LocalRuntime {
  readonly kv: KvStorage;
  readonly r2: R2Storage;
  readonly #launcher: WorkerdLauncher;
  readonly #storage: StorageProcess;
  readonly #traces: TraceServer;
  readonly #retiring = new Set<Generation>();
  #workers: readonly RuntimeWorker[] = [];
  #storageNeeded = false;
  #current: Generation | undefined;
  #generationCount = 0;
  /** Those of the last configuration: each is told once, not with every deploy. */
  #warnings: ReadonlySet<string> = new Set();
  /** Of the Workers that run. */
  #dangling = new DanglingEntrypoints();
  /** Deploys and starts happen one after another. */
  #turn: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(private readonly options: WorkerdRuntimeOptions) {
    const stateDir = resolve(options.stateDir);
    this.#launcher = new WorkerdLauncher({
      stateDir,
      socketDir: options.socketDir && resolve(options.socketDir),
      aliveFd: options.aliveFd,
      log: options.log,
    });
    this.#storage = new StorageProcess(this.#launcher, stateDir);
    this.#traces = new TraceServer(options.log);
    this.kv = new WorkerdKvStorage(this.#storage);
    this.r2 = new WorkerdR2Storage(this.#storage, stateDir);
  }

  deploy(workers: readonly RuntimeWorker[]): Promise<{ startupTimeMs: number }> {
    return this.#inTurn(async () => {
      const startedAt = performance.now();
      const next = workers.length === 0 ? undefined : await this.#start(workers);
      this.#workers = workers;
      this.#storageNeeded = needsStorage(workers);
      this.#replace(next);
      return { startupTimeMs: Math.round(performance.now() - startedAt) };
    });
  }

  async invoke(workerName: string, request: Request): Promise<Response> {
    this.#launcher.assertOpen();
    // One that died is started anew; so is the storage, which Workers only know by its socket.
    if (!this.#current?.usable) await this.#inTurn(() => this.#restart());
    if (this.#storageNeeded) await this.#storage.http();
    const generation = this.#current;
    if (generation === undefined) {
      throw new SidecarError('not-found', `No Worker named ${workerName} is deployed.`);
    }
    return generation.invoke(workerName, request);
  }

  onTrace(listener: TraceListener): () => void {
    // A function of its own, so that the same listener may be given twice.
    const own: TraceListener = (workerName, events, dropped) => listener(workerName, events, dropped);
    const before = this.#traces.hasListeners;
    this.#traces.add(own);
    if (!before) this.#switchTraces();
    return () => {
      this.#traces.delete(own);
      if (!this.#traces.hasListeners) this.#switchTraces();
    };
  }

  get pids(): readonly number[] {
    const pids = [this.#storage.pid, this.#current?.pid, ...[...this.#retiring].map(({ pid }) => pid)];
    return pids.filter((pid) => pid !== undefined);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#launcher.abort();
    await this.#turn.catch(() => {});
    const generations = [...this.#retiring, ...(this.#current === undefined ? [] : [this.#current])];
    // Workers first: they may still be writing to the storage.
    await Promise.all(generations.map((generation) => generation.stop()));
    await this.#storage.close();
    await this.#traces.close();
    await this.#launcher.removeFolder();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(() => {
      this.#launcher.assertOpen();
      return work();
    });
    this.#turn = result.catch(() => {});
    return result;
  }

  async #restart(): Promise<void> {
    if (this.#current?.usable || this.#workers.length === 0) return;
    this.#replace(await this.#start(this.#workers));
  }

  async #start(workers: readonly RuntimeWorker[]): Promise<Generation> {
    try {
      return await this.#launchAll(workers);
    } catch (error) {
      const afterMs = notReadyAfterMs(error);
      const guilty = afterMs === undefined ? undefined : await this.#findEndless(workers);
      throw guilty === undefined ? error : endlessStart(guilty, afterMs as number, error);
    }
  }

  /** Each attempt knows more of the bindings that dangle than the one before, of which workerd told the last lines. */
  async #launchAll(workers: readonly RuntimeWorker[]): Promise<Generation> {
    const dangling = this.#dangling.after(workers, this.#workers);
    for (;;) {
      try {
        const generation = await this.#launch(workers, dangling);
        this.#dangling = dangling;
        return generation;
      } catch (error) {
        if (!dangling.learn(error)) throw error;
      }
    }
  }

  /** Of several that could be the one, each is started alone. */
  async #findEndless(workers: readonly RuntimeWorker[]): Promise<string | undefined> {
    const suspects = changedWorkers(workers, this.#workers);
    if (suspects.length === 1) return suspects[0]?.name;
    for (const suspect of suspects) {
      try {
        await (await this.#launch([suspect], new DanglingEntrypoints())).stop();
      } catch (error) {
        if (notReadyAfterMs(error) !== undefined) return suspect.name;
      }
    }
    return undefined;
  }

  async #launch(workers: readonly RuntimeWorker[], dangling: DanglingEntrypoints): Promise<Generation> {
    const { compatibilityDate } = await this.#launcher.binary();
    const traceSocket = join(await this.#launcher.rootFolder(), 'traces.sock');
    await this.#traces.listen(traceSocket);
    const folder = await this.#launcher.newFolder();
    const config = runtimeConfig({
      workers,
      folder,
      traceSocket,
      storageSocket: await this.#launcher.storageSocket(),
      allowNetwork: this.options.allowNetwork ?? false,
      newestDate: earlier(compatibilityDate, new Date().toISOString().slice(0, 10)),
      dangling,
    });
    for (const warning of config.warnings) if (!this.#warnings.has(warning)) this.options.log(warning);
    this.#warnings = new Set(config.warnings);
    const title = `generation ${++this.#generationCount}`;
    const storage = needsStorage(workers) ? this.#storage.http() : Promise.resolve();
    // Both start at the same time; the failure of one must not leave the other unobserved.
    const [started, stored] = await Promise.allSettled([
      this.#launcher.start({
        title,
        folder,
        configText: config.configText,
        files: config.files,
        socketNames: config.socketNames,
        busyTimeoutMs: this.options.startTimeoutMs ?? DEFAULT_START_TIMEOUT_MS,
      }),
      storage,
    ]);
    if (started.status === 'rejected') throw toScriptError(started.reason, folder);
    const generation = new Generation(
      started.value,
      { workers: config.workerSockets, control: config.controlSocket },
      {
        responseTimeoutMs: this.options.responseTimeoutMs ?? DEFAULT_RESPONSE_TIMEOUT_MS,
        hangTimeoutMs: this.options.hangTimeoutMs ?? DEFAULT_HANG_TIMEOUT_MS,
      },
    );
    try {
      if (stored.status === 'rejected') throw stored.reason;
      if (this.#traces.hasListeners) await generation.setTraced(true);
    } catch (error) {
      await generation.stop();
      throw error;
    }
    return generation;
  }

  #replace(next: Generation | undefined): void {
    const old = this.#current;
    this.#current = next;
    if (old === undefined) return;
    this.#retiring.add(old);
    void old.ended.then(() => this.#retiring.delete(old));
    old.retire();
    const [oldest] = this.#retiring;
    if (this.#retiring.size > MAX_RETIRING) void oldest?.stop();
  }

  #switchTraces(): void {
    const traced = this.#traces.hasListeners;
    for (const generation of [...this.#retiring, ...(this.#current === undefined ? [] : [this.#current])]) {
      generation.setTraced(traced).catch((error: unknown) => {
        this.options.log(`Trace events could not be turned ${traced ? 'on' : 'off'}: ${error}`);
      });
    }
  }
}

function needsStorage(workers: readonly RuntimeWorker[]): boolean {
  return workers.some(({ bindings }) =>
    bindings.some(({ type }) => type === 'kv_namespace' || type === 'r2_bucket'),
  );
}

const earlier = (a: string, b: string) => (a < b ? a : b);
