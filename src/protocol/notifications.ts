import * as z from 'zod';
import { initializedParams } from './handshake.js';
import { traceEvent } from './resources.js';

/** Why a tail ended. */
export const tailEndReason = z.enum(['stopped', 'worker-deleted', 'account-closed', 'expired', 'error']);
export type TailEndReason = z.infer<typeof tailEndReason>;

/** The notifications of the contract and the side that sends each. */
export const notifications = {
  initialized: { direction: 'client-to-server', params: initializedParams },
  'tail/credit': {
    direction: 'client-to-server',
    /** `bytes`: how many more bytes of `events` the consumer has room for. */
    params: z.strictObject({ tailId: z.string(), bytes: z.number().int().positive() }),
  },
  'tail/batch': {
    direction: 'server-to-client',
    /**
     * `seq` counts from 0; `dropped` is how many events were left out between the batch before and this one. A batch with
     * `gap` has no events: the process that ran the local Workers has ended, another one took over, and events may be
     * missing here, uncounted.
     */
    params: z.object({
      tailId: z.string(),
      seq: z.number(),
      dropped: z.number(),
      gap: z.enum(['owner-changed']).optional(),
      events: z.array(traceEvent),
    }),
  },
  'tail/end': {
    direction: 'server-to-client',
    /** `dropped`: events left out after the last batch. `error` only with the reason `error`. */
    params: z.object({
      tailId: z.string(),
      reason: tailEndReason,
      dropped: z.number(),
      error: z.object({ code: z.string(), message: z.string() }).optional(),
    }),
  },
  '$/cancelRequest': { direction: 'both', params: z.object({ id: z.union([z.number(), z.string()]) }) },
  '$/progress': {
    direction: 'server-to-client',
    /** `token` is the id of the request that the progress belongs to. */
    params: z.object({
      token: z.union([z.number(), z.string()]),
      value: z.object({ message: z.string(), percentage: z.number().optional() }),
    }),
  },
  '$/setTrace': {
    direction: 'client-to-server',
    params: z.object({ value: z.enum(['off', 'messages', 'verbose']) }),
  },
  '$/logTrace': {
    direction: 'server-to-client',
    params: z.object({ message: z.string(), verbose: z.string().optional() }),
  },
} as const;

export type Notifications = typeof notifications;
export type NotificationName = keyof Notifications;
export type NotificationParams<N extends NotificationName> = z.output<Notifications[N]['params']>;
