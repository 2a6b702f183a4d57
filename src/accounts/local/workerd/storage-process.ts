import { join } from 'node:path';
import { fileError } from '../file-error.js';
import { makePrivateFolder } from '../private-folder.js';
import { BUCKET_SOURCE, KEYS_SOURCE } from './bucket-source.js';
import { bool, configFile, embed, list, struct, text } from './config-text.js';
import type { WorkerdLauncher } from './launcher.js';
import { removeDrafts, tidyBuckets } from './leftovers.js';
import { readR2Simulator } from './r2-simulator.js';
import { SocketHttp } from './socket-http.js';
import { STORAGE_SOURCE } from './sources.js';
import type { WorkerdProcess } from './workerd-process.js';

/** The folders below `<stateDir>/storage`. Renaming one of them, or a `uniqueKey` below, loses what users stored. */
const FOLDERS = { objects: 'objects', kvBlobs: 'kv-blobs', r2Blobs: 'r2-blobs' } as const;
const STOP_GRACE_MS = 3_000;

/**
 * The one workerd that KV values and R2 objects live in. There must never be two on the same files: SQLite answers
 * the second with SQLITE_BUSY. Started at the first use, and again at the next use after it died.
 */
export class StorageProcess {
  #running: { process: WorkerdProcess; http: SocketHttp } | undefined;
  #starting: Promise<SocketHttp> | undefined;

  constructor(
    private readonly launcher: WorkerdLauncher,
    readonly stateDir: string,
  ) {}

  /** The connection to the storage, once it serves. */
  http(): Promise<SocketHttp> {
    if (this.#running?.process.alive) return Promise.resolve(this.#running.http);
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  /** Takes note that nobody listens behind `http` any more, so that the next use starts the storage anew. */
  async discard(http: SocketHttp): Promise<void> {
    if (this.#running?.http === http) await this.#running.process.kill();
  }

  get pid(): number | undefined {
    return this.#running?.process.pid;
  }

  get stderr(): readonly string[] {
    return this.#running?.process.stderr ?? [];
  }

  /** Can be called twice. */
  async close(): Promise<void> {
    await this.#starting?.catch(() => {});
    this.#running?.http.close();
    await this.#running?.process.stop(STOP_GRACE_MS);
    this.#running = undefined;
  }

  async #start(): Promise<SocketHttp> {
    this.#running?.http.close();
    await this.#running?.process.exited;
    this.#running = undefined;
    const folder = join(this.stateDir, 'storage');
    for (const name of ['', ...Object.values(FOLDERS)]) await makeStorageFolder(join(folder, name));
    for (const name of [FOLDERS.r2Blobs, FOLDERS.kvBlobs]) await removeDrafts(join(folder, name));
    const simulator = await readR2Simulator();
    const socketPath = await this.launcher.storageSocket();
    const process = await this.launcher.start({
      title: 'storage',
      configText: storageConfig(folder, socketPath),
      files: new Map<string, string | Uint8Array>([
        ['storage.js', STORAGE_SOURCE],
        ['bucket.js', BUCKET_SOURCE],
        ['keys.js', KEYS_SOURCE],
        ['r2.js', simulator],
      ]),
      socketNames: ['storage'],
      // `bundled` modules need it.
      experimental: true,
    });
    const http = new SocketHttp(socketPath);
    this.#running = { process, http };
    // Nobody waits for it, and a bucket that is missed here is tidied when it is used.
    void tidyBuckets(join(folder, FOLDERS.r2Blobs), http).catch(() => {});
    return http;
  }
}

/** No link: a copy of the state directory would have its data in the original. */
async function makeStorageFolder(path: string): Promise<void> {
  try {
    await makePrivateFolder(path);
  } catch (error) {
    throw fileError('make the folder', path, error);
  }
}

/** @param folder the absolute path that the data is kept below */
export function storageConfig(folder: string, socketPath: string): string {
  const disk = (name: string) =>
    struct({ name: text(name), disk: struct({ path: text(join(folder, name)), writable: bool(true) }) });
  const worker = struct({
    modules: list([
      struct({ name: text('storage.js'), esModule: embed('storage.js') }),
      struct({ name: text('bucket.js'), esModule: embed('bucket.js') }),
      struct({ name: text('keys.js'), esModule: embed('keys.js') }),
      struct({ name: text('kv.js'), bundled: text('/workerd/kv.js') }),
      struct({ name: text('r2.js'), esModule: embed('r2.js') }),
    ]),
    compatibilityDate: text('2026-01-01'),
    compatibilityFlags: list([text('nodejs_compat'), text('experimental')]),
    durableObjectNamespaces: list([
      struct({ className: text('KVNamespace'), uniqueKey: text('kv'), enableSql: bool(true) }),
      struct({ className: text('R2BucketObject'), uniqueKey: text('r2'), enableSql: bool(true) }),
    ]),
    durableObjectStorage: struct({ localDisk: text(FOLDERS.objects) }),
    bindings: list([
      struct({ name: text('SHARD'), durableObjectNamespace: text('KVNamespace') }),
      struct({ name: text('BLOBS'), service: text(FOLDERS.kvBlobs) }),
      struct({ name: text('R2'), durableObjectNamespace: text('R2BucketObject') }),
      struct({ name: text('MINIFLARE_BLOBS'), service: text(FOLDERS.r2Blobs) }),
    ]),
  });
  return configFile(
    struct({
      services: list([
        struct({ name: text('storage'), worker }),
        ...Object.values(FOLDERS).map((name) => disk(name)),
      ]),
      sockets: list([
        struct({
          name: text('storage'),
          address: text(`unix:${socketPath}`),
          http: struct({}),
          service: text('storage'),
        }),
      ]),
    }),
  );
}
