import { CallContext } from '../../src/server/call-context.js';

/** The context that a handler gets, without a connection. Never cancelled unless a signal says so. */
export function callContext(
  signal: AbortSignal = new AbortController().signal,
  onProgress: Parameters<typeof CallContext.within>[1] = () => {},
): CallContext {
  return CallContext.within(signal, onProgress);
}
