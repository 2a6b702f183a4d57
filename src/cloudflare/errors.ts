import { APIConnectionTimeoutError, APIError, CloudflareError } from 'cloudflare/core/error';
import { ERRORS, type ErrorCode, SidecarError } from '../protocol/index.js';
import { waitOf } from './retry-after.js';

/**
 * Runs one request of the SDK and turns whatever it fails with into a SidecarError. An abort of `signal`
 * settles it at once: the SDK's own waits between two attempts do not listen.
 * @param what what was being done, for the message: `list the Workers`.
 * @param run gets a signal of its own: the SDK adds listeners to it that it never removes.
 */
export async function call<T>(
  what: string,
  signal: AbortSignal,
  run: (signal: AbortSignal) => PromiseLike<T>,
): Promise<T> {
  if (signal.aborted) throw cancelled(what, signal);
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(cancelled(what, signal));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([run(AbortSignal.any([signal])), aborted]);
  } catch (error) {
    throw toSidecarError(error, what, signal);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** The SidecarError for a failure of the SDK or of the `fetch` below it. */
export function toSidecarError(error: unknown, what: string, signal?: AbortSignal): SidecarError {
  const own = sidecarErrorBelow(error);
  if (own) return own;
  if (signal?.aborted) return cancelled(what, signal);
  if (error instanceof APIError)
    return error.status === undefined ? unreachable(error, what) : answered(error, what);
  if (error instanceof CloudflareError || error instanceof SyntaxError) {
    return new SidecarError('cloudflare-error', `Could not ${what}: ${error.message}`, { cause: error });
  }
  return SidecarError.from(error);
}

function cancelled(what: string, signal: AbortSignal): SidecarError {
  const own = sidecarErrorBelow(signal.reason);
  return own ?? new SidecarError('cancelled', `Cancelled: ${what}.`, { cause: signal.reason });
}

/** A `fetch` of ours may have thrown the right error already; the SDK wraps it as a connection error. */
function sidecarErrorBelow(error: unknown): SidecarError | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (at instanceof SidecarError) return at;
  }
  return undefined;
}

function unreachable(error: APIError, what: string): SidecarError {
  const reasons: string[] = [];
  for (let at: unknown = error.cause; at instanceof Error && reasons.length < 3; at = at.cause) {
    reasons.push(at.message);
  }
  const why =
    error instanceof APIConnectionTimeoutError
      ? 'it did not answer in time'
      : reasons.join(': ') || error.message;
  return new SidecarError('network-error', `Could not ${what}: Cloudflare could not be reached (${why}).`, {
    cause: error,
  });
}

function answered(error: APIError, what: string): SidecarError {
  const status = error.status ?? 0;
  const errors = cloudflareErrors(error);
  const code = codeOf(status, errors);
  const texts =
    errors.map((one) => `${one.message} [code: ${one.code}]`).join('; ') || `HTTP status ${status}`;
  const retryAfterMs = code === 'rate-limited' ? waitOf(error.headers) : undefined;
  return new SidecarError(code, `Could not ${what}: ${texts}.${advice(code, retryAfterMs)}`, {
    data: { cloudflare: { status, errors }, ...(retryAfterMs !== undefined && { retryAfterMs }) },
    cause: error,
  });
}

function cloudflareErrors(error: APIError): { code: number; message: string }[] {
  const list: unknown = error.errors;
  if (!Array.isArray(list)) return [];
  return list.slice(0, 10).map((one: { code?: unknown; message?: unknown }) => ({
    code: Number(scalar(one?.code) ?? 0),
    message: String(scalar(one?.message) ?? 'no message'),
  }));
}

/** An object has no text of its own that would tell anything. */
function scalar(value: unknown): unknown {
  return typeof value === 'object' ? undefined : value;
}

/** Cloudflare's own numbers that say more than the HTTP status. They are per product, but these do not collide. */
const CODES: Readonly<Record<number, ErrorCode>> = {
  7000: 'unsupported', // no route for that URI
  10004: 'already-exists', // R2 bucket
  10008: 'not-empty', // R2 bucket
  10014: 'already-exists', // KV namespace title
  10019: 'invalid-params', // KV key
  10021: 'script-invalid', // the runtime refused the script
  10027: 'limit-exceeded', // script too large
  10033: 'invalid-params', // KV expiration
  10057: 'limit-exceeded', // too many tails, or too much traffic for one
  10041: 'not-found', // KV namespace of a binding
  10042: 'not-found', // the same, malformed id
  10068: 'script-invalid', // no event handler
  10090: 'not-found', // Worker
  10085: 'not-found', // R2 bucket of a binding
  10143: 'not-found', // Worker of a service binding
};

const STATUSES: Readonly<Record<number, ErrorCode>> = {
  401: 'credentials-invalid',
  403: 'permission-denied',
  404: 'not-found',
  409: 'conflict',
  413: 'limit-exceeded',
  414: 'limit-exceeded',
  429: 'rate-limited',
};

function codeOf(status: number, errors: readonly { code: number }[]): ErrorCode {
  const certain = status === 401 || status === 403 || status === 429 || status >= 500;
  const byNumber = certain
    ? undefined
    : errors.map((one) => CODES[one.code]).find((code) => code !== undefined);
  return byNumber ?? STATUSES[status] ?? 'cloudflare-error';
}

function advice(code: ErrorCode, retryAfterMs: number | undefined): string {
  if (retryAfterMs !== undefined) return ` Try again in ${Math.ceil(retryAfterMs / 1000)} s.`;
  const text = ERRORS[code].advice;
  return text === undefined ? '' : ` ${text}`;
}
