import type { ChildProcess } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { LastLines } from '../../../lib/last-lines.js';
import { Deadline } from '../../../lib/time.js';
import { WholeLines } from '../../../lib/whole-lines.js';
import { SidecarError } from '../../../protocol/index.js';
import { fileError } from '../file-error.js';
import { cpuTimeMs } from './process-record.js';
import { spawnGuarded } from './spawn-guarded.js';

export interface WorkerdProcessOptions {
  binaryPath: string;
  /** See `findSetpriv`; absent where the kernel cannot be asked to end workerd with its shell. */
  setprivPath?: string | undefined;
  /** Kept open by shell and workerd; see `WorkerdRuntimeOptions`. */
  aliveFd?: number | undefined;
  /** What it is called in messages: `storage`, `generation 3`. */
  title: string;
  /** The runtime's folder, and this process's own inside it, which ends with the process. */
  rootFolder: string;
  folder: string;
  /** The text of the configuration, and the files it embeds. */
  configText: string;
  files: ReadonlyMap<string, Uint8Array | string>;
  /** Names of the sockets that must be listened on before the process counts as ready. */
  socketNames: readonly string[];
  experimental?: boolean;
  /** Ends it before the usual time when it has only computed for so long: code at a Worker's top level does not end. */
  busyTimeoutMs?: number;
  log(line: string): void;
  /** Ends the process while it is starting; once started it is its owner's to stop. */
  signal?: AbortSignal;
}

const READY_TIMEOUT_MS = 30_000;
const STDERR_LINES = 40;
const STDERR_CHARS = 80_000;

/** One running workerd, with the shell that guards it. */
export class WorkerdProcess {
  /** Resolves once shell and workerd are gone and every pipe has ended. */
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  readonly #lifeline: Writable;
  readonly #folder: string;
  readonly #title: string;
  readonly #log: (line: string) => void;
  readonly #stderr = new LastLines(STDERR_LINES, STDERR_CHARS);
  #workerdPid: number | undefined;
  #alive = true;
  #stopping = false;

  private constructor(options: WorkerdProcessOptions, child: ChildProcess) {
    this.#folder = options.folder;
    this.#title = options.title;
    this.#log = options.log;
    this.#child = child;
    this.#lifeline = this.#child.stdio[4] as Writable;
    // EPIPE after the shell's death, and a reset instead of an end: `exited` tells both.
    for (const stream of this.#child.stdio) stream?.on('error', () => {});
    this.exited = new Promise((resolve) => this.#watch(resolve));
  }

  /**
   * Writes the configuration, starts workerd and waits until it listens.
   * @throws SidecarError `workerd-failed`, with workerd's last lines in `data.stderr`.
   */
  static async start(options: WorkerdProcessOptions): Promise<WorkerdProcess> {
    await writeFiles(options);
    const child = await spawnGuarded(options).catch(async (error: unknown) => {
      await rm(options.folder, { recursive: true, force: true }).catch(() => undefined);
      throw error;
    });
    const running = new WorkerdProcess(options, child);
    const kill = () => void running.kill();
    options.signal?.addEventListener('abort', kill, { once: true });
    try {
      await running.#ready(new Set(options.socketNames), options.busyTimeoutMs);
      if (options.signal?.aborted) throw running.failure();
    } catch (error) {
      await running.kill();
      throw error;
    } finally {
      options.signal?.removeEventListener('abort', kill);
    }
    return running;
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** workerd's own pid, not the shell's. */
  get pid(): number | undefined {
    return this.#alive ? this.#workerdPid : undefined;
  }

  /** The last lines workerd wrote to stderr. */
  get stderr(): readonly string[] {
    return this.#stderr.all;
  }

  /** Asks workerd to finish its requests and end; kills it after `graceMs`. Can be called twice. */
  async stop(graceMs: number): Promise<void> {
    if (!this.#stopping && this.#alive) {
      this.#stopping = true;
      this.#lifeline.write('stop\n');
    }
    const timer = setTimeout(() => this.#killGroup(), graceMs);
    await this.exited;
    clearTimeout(timer);
    // The shell does it too, unless it was killed along with workerd.
    await rm(this.#folder, { recursive: true, force: true }).catch((error: unknown) => {
      this.#log(`The folder ${this.#folder} could not be removed: ${error}`);
    });
  }

  /** Kills workerd at once. Can be called twice. */
  async kill(): Promise<void> {
    await this.stop(0);
  }

  /** The error for whoever used this process when it ended. */
  failure(): SidecarError {
    const last = this.#stderr.quotable;
    return new SidecarError(
      'workerd-failed',
      `workerd (${this.#title}) ended unexpectedly${last === undefined ? '.' : `: ${last}`} The next use starts it anew.`,
      { data: { stderr: [...this.stderr] } },
    );
  }

  #watch(resolve: () => void): void {
    const child = this.#child;
    onLine(child.stderr, (line) => {
      this.#log(`workerd (${this.#title}): ${line}`);
      this.#stderr.push(line);
    });
    // Only workerd holds the control pipe's other end: its close is workerd's death, before anything is reaped.
    child.stdio[3]?.once('close', () => this.#gone());
    // The shell may be killed while workerd lives: the group takes workerd along.
    child.once('exit', () => this.#killGroup());
    child.once('error', (error) => this.#stderr.push(error.message));
    child.once('close', () => {
      this.#gone();
      resolve();
    });
  }

  #gone(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#letGo();
    if (!this.#stopping) this.#log(`workerd (${this.#title}) ended.`);
  }

  /** The word tells the shell that Node lives, so that it keeps the runtime's folder; the end lets it finish. */
  #letGo(): void {
    if (!this.#lifeline.writableEnded) this.#lifeline.end('stop\n');
  }

  #killGroup(): void {
    this.#letGo();
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
    } catch (error) {
      // ESRCH: the group is empty. EPERM is macOS's answer for a group of zombies.
      if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }

  async #ready(missing: Set<string>, busyTimeoutMs = READY_TIMEOUT_MS): Promise<void> {
    let deadline: Deadline | undefined;
    let busyTimer: NodeJS.Timeout | undefined;
    try {
      await Promise.race([
        this.#listens(missing),
        this.exited.then(() => {
          throw this.failure();
        }),
        new Promise((_, reject) => {
          // Half of it: the machine may be busy too, and one that waits for its turn is not to be ended.
          const startedAt = performance.now();
          busyTimer = setInterval(async () => {
            if (performance.now() - startedAt < busyTimeoutMs) return;
            const cpuMs = await cpuTimeMs(this.#workerdPid);
            if ((cpuMs ?? 0) > busyTimeoutMs / 2) reject(this.#notReady(busyTimeoutMs));
          }, busyTimeoutMs / 4);
          deadline = new Deadline(READY_TIMEOUT_MS, () => reject(this.#notReady(READY_TIMEOUT_MS)));
        }),
      ]);
    } finally {
      deadline?.clear();
      clearInterval(busyTimer);
    }
  }

  #listens(missing: Set<string>): Promise<void> {
    return new Promise((resolve) => {
      onLine(this.#child.stdio[3], (line) => {
        const message = controlMessage(line);
        if (message?.event === 'pid') this.#workerdPid = message.pid;
        else if (message?.event === 'listen') missing.delete(message.socket ?? '');
        if (missing.size === 0) resolve();
      });
    });
  }

  #notReady(afterMs: number): SidecarError {
    return new SidecarError(
      'workerd-failed',
      `workerd (${this.#title}) was not ready after ${afterMs / 1000} s; it was ended.`,
      { data: { stderr: [...this.stderr], notReadyAfterMs: afterMs } },
    );
  }
}

/** @throws SidecarError `file-error`, and leaves no folder then */
async function writeFiles({ folder, files, configText }: WorkerdProcessOptions): Promise<void> {
  const all: [string, Uint8Array | string][] = [...files, ['config.capnp', configText]];
  try {
    await mkdir(folder, { mode: 0o700 });
    for (const [name, content] of all) await writeFile(join(folder, name), content, { mode: 0o600 });
  } catch (error) {
    // The first failure is the one to tell; what stays goes with the folder of all.
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    throw fileError('write the configuration of workerd in', folder, error);
  }
}

function onLine(stream: unknown, listener: (line: string) => void): void {
  const lines = new WholeLines((complete) => complete.forEach(listener));
  (stream as Readable).on('data', (chunk: Buffer) => lines.push(chunk)).once('end', () => lines.end());
}

/** A line of the control pipe; undefined when it is not one that this version knows. */
function controlMessage(line: string): { event?: string; pid?: number; socket?: string } | undefined {
  try {
    return JSON.parse(line) as { event?: string; pid?: number; socket?: string };
  } catch {
    return undefined;
  }
}
