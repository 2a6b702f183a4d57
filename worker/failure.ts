import type { ErrorCode } from '../src/protocol/index.js';
import type { ErrorValue, Outcome } from './contract.js';

/** An error of this thread with a stable code; the main thread makes a SidecarError of it. */
export class Failure extends Error {
  readonly code: ErrorCode;
  readonly data: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, data: Record<string, unknown> = {}) {
    super(message);
    this.name = 'Failure';
    this.code = code;
    this.data = data;
  }
}

export function errorValue(error: unknown): ErrorValue {
  if (error instanceof Failure) return { code: error.code, message: error.message, data: error.data };
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'internal-error', message: `Internal error in the worker thread: ${message}`, data: {} };
}

/** Runs `work` and turns what it throws into a value that crosses threads whole. */
export async function outcomeOf<T>(work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, error: errorValue(error) };
  }
}
