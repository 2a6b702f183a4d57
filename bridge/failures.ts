import { callableMethodNames, methods, SidecarError } from '../src/protocol/index.js';
import type { ErrorValue, ExitStatus, Outcome } from '../worker/contract.js';
import type { SidecarState } from './state.js';

/** An error of the worker thread as the library's own. */
export function revive({ code, message, data }: ErrorValue): SidecarError {
  return new SidecarError(code, message, { data });
}

/** @throws SidecarError when the outcome is one */
export function unwrap<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw revive(outcome.error);
}

export function notRunning(method: string, state: SidecarState): SidecarError {
  return new SidecarError(
    'not-running',
    `${method} needs a running sidecar; this one is ${state}. Call \`start()\` first.`,
    { data: { state } },
  );
}

/** What `start()` and `restart()` reject with when `stop()` took over. */
export function stoppedMeanwhile(cause?: unknown): SidecarError {
  return new SidecarError('not-running', 'The sidecar was stopped while it started.', { cause });
}

export function endedUnasked(status: ExitStatus): SidecarError {
  const message = `The CLI ended unasked, with ${howItEnded(status)}.`;
  return new SidecarError('connection-lost', message, { data: { ...status } });
}

export function endedAtOnce(status: ExitStatus): SidecarError {
  const message = `The CLI ended with ${howItEnded(status)} right after the handshake.`;
  const data = { exitCode: status.code, signal: status.signal, reason: 'connection-lost' };
  return new SidecarError('start-failed', message, { data });
}

function howItEnded({ code, signal }: ExitStatus): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}

/** @throws SidecarError `method-not-found` for what no user can call */
export function checkMethod(method: string): void {
  if (Object.hasOwn(methods, method) && method !== 'initialize') return;
  const known = callableMethodNames.join(', ');
  throw new SidecarError(
    'method-not-found',
    `There is no method ${JSON.stringify(method)}. There are: ${known}.`,
  );
}
