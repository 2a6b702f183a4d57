import { proxy, type Remote } from 'comlink';
import {
  type CallableMethod,
  methods,
  type Params,
  type Result,
  SidecarError,
} from '../src/protocol/index.js';
import type {
  Outcome,
  RemoteCallOptions,
  RemoteTailBatch,
  RemoteTailEnd,
  WorkerApi,
} from '../worker/contract.js';
import { checkCallOptions } from './call-options.js';
import type { Connection, WorkerLink } from './connection.js';
import { unwrap } from './failures.js';
import { writeParams } from './request-params.js';

const TAIL_LOGS = 'dashboard.tailLogs';

type ParamsArgument<M extends CallableMethod> =
  Record<string, never> extends Params<M> ? Params<M> | undefined : Params<M>;

/**
 * The worker's API through its comlink proxy. Valid for the life of the sidecar: after the thread was replaced,
 * calls reach the new one. A call is checked, settles and is repeated as one of the sidecar itself.
 */
export interface RemoteSidecar {
  /** Makes a call. Those of one tick cross to the thread as one message of the proxy. */
  call<M extends CallableMethod>(
    method: M,
    ...args: Record<string, never> extends Params<M>
      ? [params?: ParamsArgument<M>, options?: RemoteCallOptions]
      : [params: Params<M>, options?: RemoteCallOptions]
  ): Promise<Result<M>>;
  /**
   * Opens a tail whose batches go to `onBatch`, a callback in comlink's `proxy()`. The next batch is granted
   * when it returns; what it throws is told by the event `ipc-error`. Ends with `call('dashboard.stopTail', {tailId})`,
   * by itself or with the CLI, which `closed` tells.
   */
  tail(
    params: Params<'dashboard.tailLogs'>,
    onBatch: (batch: RemoteTailBatch) => void | Promise<void>,
    options?: RemoteCallOptions,
  ): Promise<RemoteTail>;
}

/** An open tail of `remote.tail`. */
export interface RemoteTail {
  tailId: string;
  /**
   * Resolves, and never rejects, when the tail has ended and the callback is done with every batch; at once, with the
   * reason `error`, when the CLI or the worker thread is gone. Such a tail is not resumed: open another.
   */
  closed: Promise<RemoteTailEnd>;
}

export interface RemoteOptions {
  connection: Connection;
  maxBodyBytes: number;
  /** @throws SidecarError `not-running` */
  checkAlive(method: string): void;
  /** Makes a call whose request crosses through the proxy. */
  call<M extends CallableMethod>(method: M, params: unknown, options: RemoteCallOptions): Promise<Result<M>>;
}

export function createRemote({ connection, maxBodyBytes, checkAlive, call }: RemoteOptions): RemoteSidecar {
  return {
    call: (method, ...[params, options = {}]) => call(method, params, options),
    tail: async (params, onBatch, options = {}) => {
      const { timeout } = checkCallOptions(options);
      if (typeof onBatch !== 'function') {
        throw new SidecarError(
          'invalid-option',
          'The callback of `remote.tail` is a function, in `proxy()`.',
        );
      }
      const json = writeParams(TAIL_LOGS, params, maxBodyBytes);
      const deadlineMs = performance.now() + (timeout ?? methods[TAIL_LOGS].timeoutMs);
      for (;;) {
        checkAlive(TAIL_LOGS);
        const leftMs = Math.max(1, deadlineMs - performance.now());
        const host = await connection.whenOpen(TAIL_LOGS, leftMs);
        const outcome = await openTail(host, json, onBatch, leftMs);
        if (outcome.ok || !wasNeverSent(outcome) || performance.now() >= deadlineMs) {
          const { tailId } = unwrap(outcome);
          return { tailId, closed: untilEnded(host, tailId) };
        }
      }
    },
  };
}

type Opened = Outcome<{ tailId: string }>;

async function openTail(
  host: WorkerLink,
  paramsJson: string,
  onBatch: (batch: RemoteTailBatch) => void | Promise<void>,
  timeoutMs: number,
): Promise<Opened> {
  try {
    // A function crosses threads only as a proxy; wrapping it again changes nothing.
    const call = (api: Remote<WorkerApi>) =>
      api.tail(paramsJson, proxy(onBatch), timeoutMs) as Promise<Opened>;
    return await host.run(call);
  } catch (cause) {
    // A thread that died took the child with it.
    const message = `The worker thread ended while ${TAIL_LOGS} was in flight: it may or may not have been carried out.`;
    throw new SidecarError('indeterminate', message, { cause, data: { method: TAIL_LOGS } });
  }
}

async function untilEnded(host: WorkerLink, tailId: string): Promise<RemoteTailEnd> {
  try {
    return unwrap(await host.run((api) => api.tailEnded(tailId) as Promise<Outcome<RemoteTailEnd>>));
  } catch (error) {
    const { code, message } = SidecarError.from(error);
    return { reason: 'error', dropped: 0, error: { code, message } };
  }
}

/** The child had gone already: the next one may be asked. */
function wasNeverSent(outcome: Outcome<unknown>): boolean {
  return !outcome.ok && (outcome.error.code === 'not-running' || outcome.error.code === 'connection-lost');
}
