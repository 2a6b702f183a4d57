import { SidecarError } from '../protocol/index.js';
import { abortableSleep } from './deadline.js';

/** What Retry-After asks for, in milliseconds; undefined when it is not there or cannot be read. */
export function waitOf(headers: Headers | undefined): number | undefined {
  const value = headers?.get('retry-after');
  if (!value) return undefined;
  const seconds = Number(value);
  const ms = Number.isNaN(seconds) ? Date.parse(value) - Date.now() : seconds * 1000;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/**
 * What is left of the caller's quota. Cloudflare tells it with every answer of its REST API, as in
 * `Ratelimit: "default";r=50;t=30`: 50 requests remain, and the window ends in 30 s. Its GraphQL API counts apart.
 */
export class Quota {
  #usedUpUntilMs = 0;

  learn(headers: Headers): void {
    for (const item of (headers.get('ratelimit') ?? '').split(',')) {
      const remaining = /;\s*r=(\d+)/.exec(item)?.[1];
      const seconds = /;\s*t=(\d+)/.exec(item)?.[1];
      if (remaining === '0' && seconds !== undefined) {
        this.#usedUpUntilMs = Math.max(this.#usedUpUntilMs, Date.now() + Number(seconds) * 1000);
      }
    }
  }

  /** Waits until requests are let in again. @throws SidecarError `rate-limited` when that takes too long */
  async wait(path: string, maxWaitMs: number, signal: AbortSignal): Promise<void> {
    const waitMs = this.#usedUpUntilMs - Date.now();
    if (waitMs <= 0 || path.endsWith('/graphql')) return;
    if (waitMs <= maxWaitMs) return abortableSleep(waitMs, signal);
    throw new SidecarError(
      'rate-limited',
      `Cloudflare's rate limit is used up; nothing was sent. Try again in ${Math.ceil(waitMs / 1000)} s.`,
      { data: { retryAfterMs: waitMs } },
    );
  }
}
