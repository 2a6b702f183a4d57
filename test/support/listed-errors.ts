import assert from 'node:assert/strict';
import { ERRORS, type MethodName, methods, SidecarError } from '../../src/protocol/index.js';
import type { Handlers } from '../../src/server/context.js';

/** Holds an error to what the contract says of its method: one of its own errors, or of those any call may end with. */
export function assertListed(method: MethodName, error: unknown): void {
  assert.ok(error instanceof SidecarError || isLibraryError(error), `${method}: ${(error as Error)?.stack}`);
  const { code, message } = error as SidecarError;
  assert.notEqual(code, 'internal-error', `${method}: ${message}`);
  const listed = methods[method].errors.includes(code) || ERRORS[code].anyCall;
  assert.ok(listed, `${method} ended with ${code}, which the contract does not list: ${message}`);
}

/** The built library has a class of its own. */
function isLibraryError(error: unknown): boolean {
  return (error as Error | undefined)?.constructor.name === 'SidecarError';
}

/** The same handlers, each of which is held to the errors of its method. */
export function heldToContract(handlers: Handlers): Handlers {
  const held = Object.entries(handlers).map(([name, handler]) => {
    const run = handler as (...args: unknown[]) => unknown;
    const check = (error: unknown): never => {
      assertListed(name as MethodName, error);
      throw error;
    };
    const checked = (...args: unknown[]) => {
      try {
        const outcome = run(...args);
        return outcome instanceof Promise ? outcome.catch(check) : outcome;
      } catch (error) {
        return check(error);
      }
    };
    return [name, checked];
  });
  return Object.fromEntries(held) as Handlers;
}
