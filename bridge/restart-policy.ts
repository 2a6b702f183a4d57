export interface RestartPolicy {
  autoRestart: boolean;
  /** Waited before the first attempt; doubles with each further one. */
  restartDelayMs: number;
  /** Attempts since the last healthy minute before it gives up. */
  maxRestarts: number;
}

export type RestartDecision =
  | { kind: 'restart'; attempt: number; delayMs: number }
  | { kind: 'give-up'; attempts: number }
  | { kind: 'stay-down' };

/** A sidecar that ran this long is healthy: earlier attempts are forgotten. */
export const HEALTHY_MS = 60_000;
export const MAX_DELAY_MS = 60_000;
/** The largest share of a delay that jitter adds, so that many apps on one machine do not restart in step. */
const JITTER = 0.25;

/**
 * What to do when the child has gone.
 * @param attempts attempts made since the sidecar was last healthy
 * @param random between 0 and 1
 */
export function decideRestart(policy: RestartPolicy, attempts: number, random: number): RestartDecision {
  if (!policy.autoRestart) return { kind: 'stay-down' };
  if (attempts >= policy.maxRestarts) return { kind: 'give-up', attempts };
  return {
    kind: 'restart',
    attempt: attempts + 1,
    delayMs: delayBefore(attempts, policy.restartDelayMs, random),
  };
}

/** The first delay is exact; the next ones double, with jitter, up to a cap. */
function delayBefore(attempts: number, restartDelayMs: number, random: number): number {
  if (attempts === 0) return restartDelayMs;
  const cap = Math.max(MAX_DELAY_MS, restartDelayMs);
  const doubled = Math.min(restartDelayMs * 2 ** attempts, cap);
  return Math.min(Math.round(doubled * (1 + JITTER * random)), cap);
}

/**
 * The attempts that count when a child that was ready has gone.
 * @param ranForMs how long it was ready; the waits between attempts are no health
 */
export function countedAttempts(attempts: number, ranForMs: number): number {
  return ranForMs >= HEALTHY_MS ? 0 : attempts;
}
