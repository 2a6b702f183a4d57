import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SidecarError } from '../../../protocol/index.js';
import { fileError } from '../file-error.js';
import { findWorkerd, type WorkerdBinary } from './binary.js';
import { findSetpriv } from './parent-death.js';
import { makeRunFolder } from './run-folder.js';
import { WorkerdProcess, type WorkerdProcessOptions } from './workerd-process.js';

export interface LauncherOptions {
  stateDir: string;
  socketDir?: string | undefined;
  aliveFd?: number | undefined;
  log(line: string): void;
}

interface Place {
  binary: WorkerdBinary;
  setprivPath: string | undefined;
  rootFolder: string;
  removeAtExit(): void;
}

/** Knows the binary and the private folder, both found at the first use, and starts workerd processes there. */
export class WorkerdLauncher {
  #place: Promise<Place> | undefined;
  #count = 0;
  readonly #closing = new AbortController();

  constructor(private readonly options: LauncherOptions) {}

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** @throws SidecarError `not-running` after `close()` */
  assertOpen(): void {
    if (!this.closed) return;
    throw new SidecarError('not-running', 'The local account is closed: it runs nothing any more.');
  }

  async binary(): Promise<WorkerdBinary> {
    return (await this.#find()).binary;
  }

  async rootFolder(): Promise<string> {
    return (await this.#find()).rootFolder;
  }

  /** The same for every storage process, so that running Workers find a new one. */
  async storageSocket(): Promise<string> {
    return join(await this.rootFolder(), 'storage.sock');
  }

  /** A path that no process has had before: what an ended one leaves behind meets nobody. */
  async newFolder(): Promise<string> {
    return join(await this.rootFolder(), `p${++this.#count}`);
  }

  /** Starts a process in `folder`, or in a new one. */
  async start(
    options: Pick<
      WorkerdProcessOptions,
      'title' | 'configText' | 'files' | 'socketNames' | 'experimental' | 'busyTimeoutMs'
    > & {
      folder?: string;
    },
  ): Promise<WorkerdProcess> {
    const { binary, setprivPath, rootFolder } = await this.#find();
    const folder = options.folder ?? (await this.newFolder());
    // A socket file that is left over makes workerd fail with "Address already in use".
    if (options.title === 'storage') await removeStaleSocket(await this.storageSocket());
    this.assertOpen();
    try {
      return await WorkerdProcess.start({
        ...options,
        folder,
        rootFolder,
        binaryPath: binary.path,
        setprivPath,
        aliveFd: this.options.aliveFd,
        log: this.options.log,
        signal: this.#closing.signal,
      });
    } catch (error) {
      // What the closing ended did not fail.
      this.assertOpen();
      throw error;
    }
  }

  /** Ends processes that are just starting; those that run are their owners' to stop. */
  abort(): void {
    this.#closing.abort();
  }

  /** Removes the folder. Call it when every process has ended. */
  async removeFolder(): Promise<void> {
    const place = await this.#place?.catch(() => undefined);
    if (place === undefined) return;
    try {
      await rm(place.rootFolder, { recursive: true, force: true });
      process.off('exit', place.removeAtExit);
    } catch (error) {
      // It is tried once more when this process ends.
      this.options.log(`The folder ${place.rootFolder} could not be removed: ${error}`);
    }
  }

  #find(): Promise<Place> {
    this.assertOpen();
    this.#place ??= this.#prepare().catch((error) => {
      // What was missing may be there the next time.
      this.#place = undefined;
      throw error;
    });
    return this.#place;
  }

  async #prepare(): Promise<Place> {
    const [binary, setprivPath] = await Promise.all([findWorkerd(), findSetpriv()]);
    if (setprivPath === undefined && process.platform === 'linux') {
      this.options.log(
        'No setpriv of util-linux is on PATH: should this process and the shells that guard workerd all be killed at once by SIGKILL, workerd would live on.',
      );
    }
    const rootFolder = await makeRunFolder(this.options.stateDir, this.options.socketDir);
    // A host that exits without closing, or while it closes; after SIGKILL the shells do it.
    const removeAtExit = () => rmSync(rootFolder, { recursive: true, force: true });
    process.on('exit', removeAtExit);
    return { binary, setprivPath, rootFolder, removeAtExit };
  }
}

async function removeStaleSocket(path: string): Promise<void> {
  await rm(path, { force: true }).catch((cause: unknown) => {
    throw fileError('remove the socket', path, cause);
  });
}
