import { type MethodName, methods, SidecarError } from '../../protocol/index.js';
import type { CallContext, Handlers } from '../context.js';

/** The same handlers, but those of methods that change something refuse. A dry run changes nothing. */
export function refuseWrites(handlers: Handlers): Handlers {
  const guarded = Object.entries(handlers).map(([name, handler]) => {
    const method = name as keyof Handlers;
    if (methods[method].effect === 'read') return [method, handler];
    // Each handler is called with what its own method was parsed to: the pair stays together.
    const run = handler as (params: unknown, context: CallContext) => unknown;
    const guard = (params: { dryRun?: boolean }, context: CallContext) => {
      if (params.dryRun === true) return run(params, context);
      throw refusal(method);
    };
    return [method, guard];
  });
  return Object.fromEntries(guarded) as Handlers;
}

function refusal(method: MethodName): SidecarError {
  return new SidecarError(
    'read-only',
    `${method} changes something, and this server was started read-only. Start it without \`--read-only\` (in the library without \`readOnly\`) to allow it.`,
    { data: { method } },
  );
}
