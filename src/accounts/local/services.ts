import { SidecarError } from '../../protocol/index.js';
import { ApiError } from './envelope.js';
import type { Ownership } from './fenced-runtime.js';
import { ModuleStore } from './module-store.js';
import type { LocalRuntime, RuntimeWorker } from './runtime.js';
import { readSourceMaps } from './source-maps.js';
import { activeVersion, type LocalState, type VersionRecord, type WorkerRecord } from './state.js';
import { StateFile } from './state-file.js';
import { TailHub } from './tails.js';

export interface ServicesOptions {
  stateDir: string;
  log(line: string): void;
  /** Makes the runtime at its first use. */
  createRuntime(): Promise<LocalRuntime>;
  /** Looked at before and after the state is changed. */
  ownership: Ownership;
}

/** What the owner of a state directory has: the state, the modules, the runtime and the tails. */
export class LocalServices {
  readonly modules: ModuleStore;
  readonly tails = new TailHub();
  readonly log: (line: string) => void;
  readonly #file: StateFile;
  readonly #options: ServicesOptions;
  #state: LocalState;
  /** The state in the last good copy: its modules are kept. */
  #previous: LocalState | undefined;
  #runtime: Promise<LocalRuntime> | undefined;
  /** Whether the runtime runs what the state says. */
  #deployed = false;
  #queue: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  private constructor(options: ServicesOptions, file: StateFile, state: LocalState, previous?: LocalState) {
    this.#options = options;
    this.#file = file;
    this.#state = state;
    this.#previous = previous;
    this.log = options.log;
    this.modules = new ModuleStore(options.stateDir);
  }

  /** @throws SidecarError `state-corrupt`. */
  static async open(options: ServicesOptions): Promise<LocalServices> {
    const file = new StateFile(options.stateDir, options.ownership);
    return new LocalServices(options, file, await file.load(), await file.loadLastGood());
  }

  /** The state as it is on disk. Not to be changed but through `change`. */
  get state(): Readonly<LocalState> {
    return this.#state;
  }

  /** @throws ApiError 404 as Cloudflare answers it. */
  worker(name: string): WorkerRecord {
    const found = this.#state.workers.scripts.find((worker) => worker.name === name);
    if (found) return found;
    throw new ApiError(404, 10007, `This Worker does not exist on your account: ${name}`);
  }

  /**
   * Changes the state: `edit` gets a copy, and what it made of it is on disk when this resolves. Changes come one
   * after the other; one that throws changes nothing.
   */
  change<T>(edit: (draft: LocalState) => Promise<T> | T): Promise<T> {
    const change = async () => {
      const draft = structuredClone(this.#state) as LocalState;
      const result = await edit(draft);
      await this.#save(draft);
      return result;
    };
    return this.#inTurn(() => this.#orSweep(change));
  }

  /**
   * Changes what runs: the runtime takes the new Workers over first, which checks them, and only then the state is
   * written. When either fails, the old state stays, and the old Workers serve.
   */
  deploy<T>(edit: (draft: LocalState) => Promise<T> | T): Promise<{ result: T; startupTimeMs: number }> {
    const change = async () => {
      const draft = structuredClone(this.#state) as LocalState;
      const result = await edit(draft);
      this.#file.check(draft); // What cannot be kept must not run either.
      const runtime = await this.storage();
      const { startupTimeMs } = await runtime.deploy(await this.#runtimeWorkers(draft));
      try {
        await this.#save(draft);
      } catch (error) {
        this.#deployed = false; // The next use deploys what is on disk.
        throw error;
      }
      this.#deployed = true;
      await Promise.all(this.tails.workerNames.map((name) => this.loadSourceMaps(name)));
      return { result, startupTimeMs };
    };
    return this.#inTurn(() => this.#orSweep(change));
  }

  /** Takes Workers away. When none of them runs, nothing is started for it. */
  async undeploy<T>(edit: (draft: LocalState) => Promise<T> | T): Promise<T> {
    if (!this.#deployed) return this.change(edit);
    return (await this.deploy(edit)).result;
  }

  /** Lets the tails of a Worker tell stack traces by the source maps that were uploaded with it. Without them it does nothing. */
  async loadSourceMaps(workerName: string): Promise<void> {
    const worker = this.#state.workers.scripts.find(({ name }) => name === workerName);
    const version = worker && activeVersion(worker);
    if (!version) return;
    try {
      const withMaps = version.modules.some(({ type }) => type === 'sourcemap') ? version.modules : [];
      const modules = await Promise.all(
        withMaps.map(async (module) => ({
          ...module,
          content:
            module.type === 'sourcemap' ? await this.modules.read(workerName, module) : new Uint8Array(),
        })),
      );
      this.tails.setSourceMaps(workerName, readSourceMaps(workerName, version.mainModule, modules));
    } catch (error) {
      // The Worker runs and its tails do too; their stack traces stay as the runtime has them.
      this.log(`local account: the source maps of ${workerName} cannot be used: ${error}`);
    }
  }

  /** The runtime for KV and R2 alone: no Worker needs to run. */
  storage(): Promise<LocalRuntime> {
    if (this.#closed) {
      return Promise.reject(new SidecarError('not-running', 'The local account is closed.'));
    }
    this.#runtime ??= this.#options.createRuntime().catch((error: unknown) => {
      this.#runtime = undefined;
      throw error;
    });
    return this.#runtime;
  }

  /** The runtime with the account's Workers running. */
  async running(): Promise<LocalRuntime> {
    const runtime = await this.storage();
    if (this.#deployed) return runtime;
    await this.#inTurn(async () => {
      if (this.#deployed) return;
      await runtime.deploy(await this.#runtimeWorkers(this.#state));
      this.#deployed = true;
    });
    return runtime;
  }

  /** Ends tails and processes; a change that is being made is finished first. Can be called twice. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.tails.close();
    const runtime = this.#runtime;
    await this.#queue;
    if (runtime) await (await runtime).close();
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(task);
    this.#queue = turn.catch(() => {}); // Its caller has the error; the next one starts anyway.
    return turn;
  }

  async #save(draft: LocalState): Promise<void> {
    await this.#file.save(draft);
    this.#previous = this.#state;
    this.#state = draft;
    await this.#options.ownership.confirmHeld();
    await this.#sweep();
  }

  /** Removes the modules that no state mentions. What was asked for is done or has failed already. */
  async #sweep(): Promise<void> {
    try {
      await this.#options.ownership.assertHeld();
      await this.modules.sweep([this.#state, this.#previous]);
    } catch (error) {
      this.log(`local account: unused modules could not be removed: ${error}`);
    }
  }

  /** A change that failed may have stored modules already. */
  async #orSweep<T>(change: () => Promise<T>): Promise<T> {
    try {
      return await change();
    } catch (error) {
      await this.#sweep();
      throw error;
    }
  }

  #runtimeWorkers(state: Readonly<LocalState>): Promise<RuntimeWorker[]> {
    const active = state.workers.scripts.flatMap((worker) => {
      const version = activeVersion(worker);
      return version ? [{ name: worker.name, version }] : [];
    });
    return Promise.all(active.map(({ name, version }) => this.#runtimeWorker(name, version)));
  }

  async #runtimeWorker(name: string, version: VersionRecord): Promise<RuntimeWorker> {
    const { mainModule, bindings, compatibilityDate, compatibilityFlags } = version;
    const modules = await Promise.all(
      version.modules.map(async (module) => ({
        name: module.name,
        type: module.type,
        content: await this.modules.read(name, module),
      })),
    );
    return { name, mainModule, modules, bindings, compatibilityDate, compatibilityFlags };
  }
}
