import { type Params, SidecarError } from '../protocol/index.js';
import type { Api } from './client.js';
import { call } from './errors.js';

export type TailFilters = Omit<Params<'dashboard.tailLogs'>, 'workerName'>;

/** A tail that Cloudflare has opened; its events come over the WebSocket at `url`. */
export interface CreatedTail {
  id: string;
  url: string;
  /** ISO 8601. The socket stays open past it, but nothing comes any more. */
  expiresAt: string;
}

/** The outcomes behind each status that a person filters by, as `wrangler tail --status` groups them. */
export const OUTCOMES_OF_STATUS = {
  ok: ['ok'],
  error: ['exception', 'exceededCpu', 'exceededMemory', 'unknown'],
  canceled: ['canceled', 'responseStreamDisconnected'],
} as const;

/**
 * Opens a tail. Not `tail.create()`, which drops the filters.
 * @throws SidecarError `limit-exceeded` when the Worker has as many tails as it can have, or too much traffic for one.
 */
export async function createTail(
  { client, accountId }: Api,
  workerName: string,
  filters: TailFilters,
  signal: AbortSignal,
): Promise<CreatedTail> {
  const path = `/accounts/${accountId}/workers/scripts/${workerName}/tails`;
  const { result } = await call(`tail the Worker ${workerName}`, signal, (signal) =>
    client.post<{ result: { id: string; url: string; expires_at: string } | null }>(path, {
      body: { filters: apiFilters(filters) },
      signal,
    }),
  ).catch((error: unknown) => {
    throw limitOf(error) ?? error;
  });
  if (typeof result?.id === 'string' && typeof result.url === 'string')
    return { id: result.id, url: result.url, expiresAt: result.expires_at };
  throw new SidecarError(
    'cloudflare-error',
    `Could not tail the Worker ${workerName}: Cloudflare's answer names no tail.`,
  );
}

/** Cloudflare lets at most ten clients tail one Worker. It documents no number for that refusal, so its words decide. */
function limitOf(error: unknown): SidecarError | undefined {
  if (!(error instanceof SidecarError)) return undefined;
  const unclear = ['cloudflare-error', 'conflict', 'permission-denied'].includes(error.code);
  const { errors = [] } = (error.data.cloudflare ?? {}) as { errors?: { message: string }[] };
  const isLimit = errors.some(({ message }) => /too many|maximum|limit|exceed/i.test(message));
  if (!unclear || !isLimit) return undefined;
  return new SidecarError(
    'limit-exceeded',
    `${error.message} At most ten clients can tail one Worker at a time: end another tail first.`,
    { data: error.data, cause: error },
  );
}

/** Ends a tail. */
export async function deleteTail(
  { client, accountId }: Api,
  workerName: string,
  tailId: string,
  signal: AbortSignal,
): Promise<void> {
  await call(`end the tail of ${workerName}`, signal, (signal) =>
    client.workers.scripts.tail.delete(
      tailId,
      { account_id: accountId, script_name: workerName },
      { signal },
    ),
  );
}

/** The filters as API v4 takes them; every one must match. */
export function apiFilters(filters: TailFilters): Record<string, unknown>[] {
  const list: Record<string, unknown>[] = [];
  if (filters.samplingRate !== undefined) list.push({ sampling_rate: filters.samplingRate });
  if (filters.status) list.push({ outcome: filters.status.flatMap((status) => OUTCOMES_OF_STATUS[status]) });
  if (filters.method) list.push({ method: filters.method.map((method) => method.toUpperCase()) });
  for (const header of filters.headers ?? []) list.push({ header });
  if (filters.clientIp) list.push({ client_ip: filters.clientIp });
  if (filters.search !== undefined) list.push({ query: filters.search });
  return list;
}
