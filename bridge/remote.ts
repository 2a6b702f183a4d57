import { proxy } from 'comlink';
import {
  type CallableMethod,
  methods,
  type Params,
  type Result,
  SidecarError,
} from '../src/protocol/index.js';
import type { Outcome, RemoteCallOptions, RemoteTailBatch } from '../worker/contract.js';
import { checkTimeout } from './calls.js';
import type { Connection } from './connection.js';
import { checkMethod, unwrap } from './failures.js';
import type { WorkerHost } from './worker-host.js';

type ParamsArgument<M extends CallableMethod> =
  Record<string, never> extends Params<M> ? Params<M> | undefined : Params<M>;

/**
 * The worker's API through its comlink proxy. Valid for the life of the sidecar: after the thread was replaced,
 * calls reach the new one. Params are checked by the CLI, answers arrive parsed.
 */
export interface RemoteSidecar {
  /** Makes a call in the worker thread. */
  call<M extends CallableMethod>(
    method: M,
    ...args: Record<string, never> extends Params<M>
      ? [params?: ParamsArgument<M>, options?: RemoteCallOptions]
      : [params: Params<M>, options?: RemoteCallOptions]
  ): Promise<Result<M>>;
  /**
   * Opens a tail whose batches go to `onBatch`, a callback in comlink's `proxy()`. The next batch is granted
   * when it returns. Ends with `call('dashboard.stopTail', {tailId})` or with the CLI.
   */
  tail(
    params: Params<'dashboard.tailLogs'>,
    onBatch: (batch: RemoteTailBatch) => void | Promise<void>,
    options?: RemoteCallOptions,
  ): Promise<{ tailId: string }>;
}

export interface RemoteOptions {
  connection: Connection;
  /** @throws SidecarError `not-running` */
  checkAlive(method: string): void;
  /** Carries out `system.shutdown`, which is a stop of the whole sidecar. */
  shutDown(options: RemoteCallOptions | undefined): Promise<Result<'system.shutdown'>>;
}

export function createRemote({ connection, checkAlive, shutDown }: RemoteOptions): RemoteSidecar {
  /** Runs `work` on a thread with a connection; again on the next one when that is safe, all within the timeout. */
  async function run<T>(
    method: CallableMethod,
    options: RemoteCallOptions | undefined,
    work: (host: WorkerHost, timeoutMs: number) => Promise<Outcome<T>>,
  ): Promise<T> {
    const deadlineMs = performance.now() + (checkTimeout(options?.timeout) ?? methods[method].timeoutMs);
    for (let losses = 0; ; ) {
      checkAlive(method);
      const leftMs = Math.max(1, deadlineMs - performance.now());
      const host = await connection.whenOpen(method, leftMs);
      try {
        return unwrap(await work(host, leftMs));
      } catch (error) {
        const failure = inFlightFailure(method, SidecarError.from(error));
        if (failure.code === 'indeterminate') losses++;
        if (losses > 1 || !mayRunAgain(method, failure) || performance.now() >= deadlineMs) throw failure;
      }
    }
  }

  return {
    call: async (method, ...[params, options]) => {
      checkMethod(method);
      if (method === 'system.shutdown') return shutDown(options) as Promise<Result<typeof method>>;
      const json = toJson(method, params);
      return run(
        method,
        options,
        (host, timeoutMs) => host.call(method, json, timeoutMs) as Promise<Outcome<Result<typeof method>>>,
      );
    },
    tail: async (params, onBatch, options) => {
      const json = toJson('dashboard.tailLogs', params);
      return run('dashboard.tailLogs', options, (host, timeoutMs) =>
        // A function crosses threads only as a proxy; wrapping it again changes nothing.
        host.run((api) => api.tail(json, proxy(onBatch), timeoutMs) as Promise<Outcome<{ tailId: string }>>),
      );
    },
  };
}

/** Params cross as text: cheaper than objects, and what cannot be sent fails here and not in the thread. */
function toJson(method: string, params: unknown): string {
  try {
    return JSON.stringify(params ?? {});
  } catch (cause) {
    const message = `${method}: the params cannot be written as JSON: ${(cause as Error).message}.`;
    throw new SidecarError('invalid-params', message, { cause });
  }
}

/** A thread that died with a call in it took the child with it. */
function inFlightFailure(method: string, error: SidecarError): SidecarError {
  if (error.code !== 'worker-thread-failed') return error;
  const message = `The worker thread ended while ${method} was in flight: it may or may not have been carried out.`;
  return new SidecarError('indeterminate', message, { cause: error, data: { method } });
}

/** What was never sent may go to the next child, what is safe to repeat too. */
function mayRunAgain(method: CallableMethod, { code }: SidecarError): boolean {
  if (code === 'not-running' || code === 'connection-lost') return true;
  return code === 'indeterminate' && methods[method].repeatable;
}
