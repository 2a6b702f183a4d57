import type { SidecarError } from '../src/protocol/index.js';

type AnyFunction = (...args: never) => unknown;

/**
 * Takes the stack of `error` anew, without the frames down to `below`. In a running async function V8 adds who awaits it.
 * Calls that succeed pay nothing; an Error made with each call would double what it costs this thread.
 */
export function nameCaller(error: SidecarError, below: AnyFunction = nameCaller): SidecarError {
  Error.captureStackTrace(error, below);
  return error;
}

/** Rejects with `error`. Resolve a caller's promise with it, and the stack names who awaits that promise. */
export async function rejection(error: SidecarError): Promise<never> {
  // The caller's promise is linked to this one by a microtask, which runs behind the first of these.
  await undefined;
  await undefined;
  throw nameCaller(error);
}
