import type { CallableMethod, Params, Result } from '../src/protocol/index.js';
import type { RemoteCallOptions, RemoteTailBatch } from '../worker/contract.js';

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
   * Opens a tail whose batches go to `onBatch`, which must be wrapped in comlink's `proxy()`. The next batch is granted
   * when it returns. Ends with `call('dashboard.stopTail', {tailId})` or with the CLI.
   */
  tail(
    params: Params<'dashboard.tailLogs'>,
    onBatch: (batch: RemoteTailBatch) => void | Promise<void>,
    options?: RemoteCallOptions,
  ): Promise<{ tailId: string }>;
}
