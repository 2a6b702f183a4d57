import type { MessagePort } from 'node:worker_threads';
import type { StopTimes } from '../src/lib/stop-times.js';
import type { AccountInfo, ErrorCode, NotificationParams, TraceEvent } from '../src/protocol/index.js';

/** An error as it crosses threads: comlink keeps no code, data or class of an error that is thrown. */
export interface ErrorValue {
  code: ErrorCode;
  message: string;
  data: Record<string, unknown>;
}

export type Outcome<T> = { ok: true; value: T } | { ok: false; error: ErrorValue };

/** What the thread is given to start with. */
export interface WorkerTask {
  /** comlink's end of {@link WorkerApi}. */
  api: MessagePort;
  /** Calls and answers of the library itself, see {@link LaneMessage}. */
  lane: MessagePort;
}

export interface LaunchOptions {
  /** A binary on PATH, an absolute path, or a file run by this Node. */
  cliPath: string;
  /** Arguments behind `ipc`. */
  args: string[];
  cwd: string | undefined;
  /** The child's whole environment. */
  env: Record<string, string>;
  /** What both sides prove to know. */
  authToken: string;
  /** How long the child may take to answer the handshake. */
  startTimeoutMs: number;
  /** How long it may leave a ping unanswered; 0: it is not pinged. */
  heartbeatTimeoutMs: number;
  maxBodyBytes: number;
  /** Whether its stderr is wanted, line by line. */
  forwardStderr: boolean;
  protocolVersion: number;
  client: { name: string; version: string };
}

export interface Launched {
  pid: number;
  account: AccountInfo;
  server: { name: string; version: string };
}

export interface ExitStatus {
  code: number | null;
  signal: string | null;
}

/** How many milliseconds `stop` waits after each step of its ladder before it takes the next. */
export type StopSteps = Pick<StopTimes, 'shutdownMs' | 'stdinEndMs' | 'sigtermMs' | 'familyMs'>;

/** What the main thread gets on the lane. It sends JSON-RPC messages there, one a line, and nothing else. */
export type LaneMessage =
  /** The results of `count` calls, as the text of one JSON array: an id, its result, an id, its result. */
  | { type: 'results'; json: string; count: number }
  /** One large result, as JSON in UTF-8. */
  | { type: 'large-result'; id: number; bytes: Uint8Array }
  /** One answer whole, as JSON: an error, or a result in another form than our server's. */
  | { type: 'answer'; json: string }
  /** A batch of a tail that the lane opened; `bytes` is the JSON array of its events. */
  | { type: 'tail'; tailId: string; seq: number; dropped: number; bytes: Uint8Array }
  /** Any other notification, parsed. */
  | { type: 'notification'; method: string; params: unknown }
  /** Something broke the protocol; the child is being killed. */
  | { type: 'fault'; error: ErrorValue }
  /** The connection to the child is gone: nothing that was sent will be answered. */
  | { type: 'disconnected' }
  /** There is a child from here on, ready or not. */
  | { type: 'spawned'; pid: number }
  /** The child has ended. */
  | { type: 'exit'; pid: number; status: ExitStatus }
  /** Whole lines that the child wrote to stderr, without the last line's end. */
  | { type: 'stderr'; text: string };

/** A batch as `sidecar.remote.tail` hands it to its callback. */
export interface RemoteTailBatch {
  seq: number;
  /** Events left out between the batch before and this one. */
  dropped: number;
  /** Another process runs the local Workers now: events may be missing here. Such a batch has none. */
  gap?: 'owner-changed';
  events: TraceEvent[];
}

/** How a tail of `sidecar.remote.tail` ended. */
export type RemoteTailEnd = Omit<NotificationParams<'tail/end'>, 'tailId'>;

export interface RemoteCallOptions {
  /** Milliseconds to wait for the answer. Default: the contract's for the method. */
  timeout?: number;
}

/** The worker's API, exposed by comlink. */
export interface WorkerApi {
  launch(options: LaunchOptions): Promise<Outcome<Launched>>;
  /** Ends the child, step by step. Resolves when it and the processes it started have ended. */
  stop(steps: StopSteps): Promise<void>;
  /** Kills the child at once. */
  kill(): void;
  /** The main thread has taken so many characters of the child's stderr. */
  tookStderr(chars: number): void;
  /** Answers as soon as the thread runs its event loop. */
  ping(): void;
  /** Resolves when what the child had sent until now was read and posted on the lane. */
  readArrived(): Promise<void>;
  /** Sends JSON-RPC messages to the child, one a line; the answers come by the lane. */
  send(bodies: string): void;
  /** @param paramsJson the params as JSON text */
  tail(
    paramsJson: string,
    onBatch: (batch: RemoteTailBatch) => void | Promise<void>,
    timeoutMs: number,
  ): Promise<Outcome<{ tailId: string }>>;
  /** Resolves when a tail of `tail` has ended; asked once, right after it was opened. */
  tailEnded(tailId: string): Promise<Outcome<RemoteTailEnd>>;
}
