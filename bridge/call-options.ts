import type { NotificationParams } from '../src/protocol/index.js';
import { SidecarError } from '../src/protocol/index.js';

export interface CallOptions {
  /** Cancels the call: it rejects with the code `cancelled` (name `AbortError`). */
  signal?: AbortSignal;
  /** Milliseconds to wait for the answer, restarts included. Default: the contract's for the method. */
  timeout?: number;
  /** Takes the progress of long calls. */
  onProgress?: (value: NotificationParams<'$/progress'>['value']) => void;
}

/**
 * The options as they are typed, whatever a caller without types has given.
 * @throws SidecarError `invalid-option`
 */
export function checkCallOptions(options: CallOptions): CallOptions {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalid('The options of a call are an object', options);
  }
  checkSignal(options.signal);
  checkTimeout(options.timeout);
  const { onProgress } = options;
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw invalid('`onProgress` is a function', onProgress);
  }
  return options;
}

/** @throws SidecarError `invalid-option` */
export function checkTimeout(timeout: number | undefined): number | undefined {
  if (timeout === undefined || (Number.isFinite(timeout) && timeout > 0 && timeout < 2 ** 31)) return timeout;
  throw invalid('`timeout` is a number of milliseconds over 0', timeout);
}

/** Absent, null as `fetch` has it, or an AbortSignal: of another realm, or made by another library, too. */
function checkSignal(signal: AbortSignal | null | undefined): void {
  if (signal === undefined || signal === null) return;
  if (typeof signal.aborted === 'boolean' && typeof signal.addEventListener === 'function') return;
  throw invalid('`signal` is an AbortSignal', signal);
}

function invalid(expected: string, got: unknown): SidecarError {
  const what = typeof got === 'string' || typeof got === 'number' ? String(got) : nameOf(got);
  return new SidecarError('invalid-option', `${expected}, not ${what}.`);
}

function nameOf(got: unknown): string {
  if (got === null || typeof got === 'boolean') return String(got);
  return Array.isArray(got) ? 'an array' : `a value of the type ${typeof got}`;
}
