import { SidecarError } from '../src/protocol/index.js';

// The errors of calls that are given up on this side, or lost with the child.

export function cancelled(method: string, signal: AbortSignal): SidecarError {
  return new SidecarError('cancelled', `${method} was cancelled.`, { cause: signal.reason });
}

export function timedOut(method: string, timeoutMs: number): SidecarError {
  return new SidecarError('timeout', `${method} was not answered within ${timeoutMs} ms.`, {
    data: { method, timeoutMs },
  });
}

export function overloaded(method: string, limit: number): SidecarError {
  return new SidecarError('overloaded', `${method}: ${limit} calls wait for an answer already.`);
}

export function lostTwice(method: string): SidecarError {
  const message = `The CLI ended twice with ${method} in flight; it may be the cause. It is safe to repeat.`;
  return new SidecarError('connection-lost', message, { data: { method } });
}

export function indeterminate(method: string): SidecarError {
  return new SidecarError(
    'indeterminate',
    `The CLI ended while ${method} was in flight: it may or may not have been carried out. Look before you repeat it.`,
    { data: { method } },
  );
}
