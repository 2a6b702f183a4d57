import {
  type CallableMethod,
  type ParsedParams,
  parseParams,
  parseResult,
  type Result,
} from '../protocol/index.js';
import type { CallContext, ConnectionMethod, Handler, Handlers } from './context.js';

/** The handlers of a whole connection: those of the account and the connection's own. */
export type ConnectionHandlers = Handlers & { readonly [M in ConnectionMethod]: Handler<M> };

/** Checks the params, runs the handler, checks the result. A handler that answers at once is not made to wait. */
export function callHandler<M extends CallableMethod>(
  handlers: { readonly [N in M]: Handler<N> },
  method: M,
  params: unknown,
  context: CallContext,
): Result<M> | Promise<Result<M>> {
  const handler = handlers[method] as Handler<M>;
  const outcome = handler(parseParams(method, params) as ParsedParams<M>, context);
  if (outcome instanceof Promise) return outcome.then((result) => parseResult(method, result));
  return parseResult(method, outcome);
}
