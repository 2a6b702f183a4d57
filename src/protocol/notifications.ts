import * as z from 'zod';
import { initializedParams } from './handshake.js';
import { lazy } from './lazy.js';
import { traceEvent } from './resources.js';

/** Why a tail ended: `stopped` by `dashboard.stopTail`; `shutdown` because the server ends, and the connection with it. */
const tailEndReason = lazy(() =>
  z.enum(['stopped', 'shutdown', 'worker-deleted', 'account-closed', 'expired', 'error']),
);
export type TailEndReason = z.infer<ReturnType<typeof tailEndReason>>;

/** Its schema is made when it is first used. */
function notification<D extends 'client-to-server' | 'server-to-client' | 'both', P extends z.ZodType>(
  direction: D,
  params: () => P,
): { readonly direction: D; readonly params: P } {
  const made = lazy(params);
  return {
    direction,
    get params() {
      return made();
    },
  };
}

/** The notifications of the contract and the side that sends each. */
export const notifications = {
  initialized: notification('client-to-server', initializedParams),
  /** `bytes`: how many more bytes of `events` the consumer has room for. */
  'tail/credit': notification('client-to-server', () =>
    z.strictObject({ tailId: z.string(), bytes: z.number().int().positive() }),
  ),
  /**
   * `seq` counts from 0; `dropped` is how many events were left out between the batch before and this one, which may have
   * none itself. A batch with
   * `gap` has no events: the process that ran the local Workers has ended, another one took over, and events may be
   * missing here, uncounted.
   */
  'tail/batch': notification('server-to-client', () =>
    z.object({
      tailId: z.string(),
      seq: z.number(),
      dropped: z.number(),
      gap: z.enum(['owner-changed']).optional(),
      events: z.array(traceEvent()),
    }),
  ),
  /**
   * `dropped`: events left out after the last batch. `stopped`: by `dashboard.stopTail`; `shutdown`: the server itself
   * ends. `error` only with the reason `error`.
   */
  'tail/end': notification('server-to-client', () =>
    z.object({
      tailId: z.string(),
      reason: tailEndReason(),
      dropped: z.number(),
      error: z.object({ code: z.string(), message: z.string() }).optional(),
    }),
  ),
  '$/cancelRequest': notification('both', () => z.object({ id: z.union([z.number(), z.string()]) })),
  /**
   * `token` is the id of the request that the progress belongs to. `merged`: reports left out before this one, because
   * they came too fast; the last one always comes, before the answer.
   */
  '$/progress': notification('server-to-client', () =>
    z.object({
      token: z.union([z.number(), z.string()]),
      value: z.object({
        message: z.string(),
        percentage: z.number().optional(),
        merged: z.number().optional(),
      }),
    }),
  ),
  '$/setTrace': notification('client-to-server', () =>
    z.object({ value: z.enum(['off', 'messages', 'verbose']) }),
  ),
  '$/logTrace': notification('server-to-client', () =>
    z.object({ message: z.string(), verbose: z.string().optional() }),
  ),
} as const;

export type Notifications = typeof notifications;
export type NotificationName = keyof Notifications;
export type NotificationParams<N extends NotificationName> = z.output<Notifications[N]['params']>;
