import type { WorkerUpload } from '../../project/upload.js';

/** A Worker as the runtime is to run it: every binding resolved to an id or name that exists. */
export type RuntimeWorker = Omit<WorkerUpload, 'warnings'>;

/**
 * The trace events of one invocation batch, as JSON text each, `scriptName` filled in. `dropped` counts the events of
 * this Worker that were lost before these, because they came faster than they were taken.
 */
export type TraceListener = (workerName: string, eventsJson: string[], dropped: number) => void;

/**
 * The workerd processes of the local account. Nothing is started before it is needed; `close()` ends everything.
 * Node's side is `src/accounts/local/workerd/`; the account's state (which Workers, namespaces and buckets exist) is
 * the API's, in `src/accounts/local/`: the runtime stores only KV values and R2 objects.
 */
export interface LocalRuntime {
  /**
   * Makes `workers` the ones that run. A new generation is started and checked first, then takes over;
   * requests in flight on the old one are finished before it is stopped.
   * @returns the milliseconds the new generation took to become ready.
   * @throws SidecarError `script-invalid` with workerd's own message; the old generation keeps serving.
   */
  deploy(workers: readonly RuntimeWorker[]): Promise<{ startupTimeMs: number }>;
  /** Sends a request to a deployed Worker. */
  invoke(workerName: string, request: Request): Promise<Response>;
  /** Called with the trace events of every Worker that is tailed, see `setTailed`. @returns unsubscribe */
  onTrace(listener: TraceListener): () => void;
  readonly kv: KvStorage;
  readonly r2: R2Storage;
  /** pids of the running workerd processes, for diagnostics. */
  readonly pids: readonly number[];
  /** Ends every process and removes every socket. Can be called twice. */
  close(): Promise<void>;
}

export interface KvStorage {
  get(
    namespaceId: string,
    key: string,
  ): Promise<{ body: ReadableStream<Uint8Array>; metadata?: unknown; expiration?: number } | undefined>;
  put(
    namespaceId: string,
    key: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options?: { expiration?: number; expirationTtl?: number; metadata?: unknown },
  ): Promise<void>;
  delete(namespaceId: string, key: string): Promise<void>;
  list(
    namespaceId: string,
    options?: { prefix?: string; cursor?: string; limit?: number },
  ): Promise<{ keys: { name: string; expiration?: number; metadata?: unknown }[]; cursor?: string }>;
  /** Deletes every key of a namespace. */
  clear(namespaceId: string): Promise<void>;
}

export interface R2ObjectInfo {
  key: string;
  version: string;
  size: number;
  etag: string;
  /** Milliseconds since 1970. */
  uploaded: number;
  httpMetadata: Record<string, string>;
  customMetadata: Record<string, string>;
  storageClass: string;
}

export interface R2Storage {
  head(bucket: string, key: string): Promise<R2ObjectInfo | undefined>;
  get(
    bucket: string,
    key: string,
    options?: { range?: string },
  ): Promise<
    | { object: R2ObjectInfo; body: ReadableStream<Uint8Array>; range?: { offset: number; length: number } }
    | undefined
  >;
  put(
    bucket: string,
    key: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options?: {
      size?: number;
      httpMetadata?: Record<string, string>;
      customMetadata?: Record<string, string>;
      storageClass?: string;
      /** Ends the upload, and nothing of it stays. */
      signal?: AbortSignal;
    },
  ): Promise<R2ObjectInfo>;
  delete(bucket: string, keys: readonly string[]): Promise<void>;
  /**
   * Removes what an empty bucket still keeps on disk, such as uploads that were never completed.
   * @throws SidecarError `not-empty`
   */
  wipe(bucket: string): Promise<void>;
  list(
    bucket: string,
    options?: { prefix?: string; cursor?: string; delimiter?: string; limit?: number; startAfter?: string },
  ): Promise<{ objects: R2ObjectInfo[]; delimitedPrefixes: string[]; cursor?: string }>;
}
