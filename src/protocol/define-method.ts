import type * as z from 'zod';
import type { ErrorCode } from './errors.js';
import { lazy } from './lazy.js';

/** One row of the contract. */
export interface MethodDefinition<P extends z.ZodType = z.ZodType, R extends z.ZodType = z.ZodType> {
  /** One sentence for the method reference, OpenRPC and `--help`. */
  readonly summary: string;
  readonly params: P;
  readonly result: R;
  /** The domain errors a caller should expect, beyond those any call can end with. */
  readonly errors: readonly ErrorCode[];
  /** Whether doing it twice has the effect of doing it once, so that it may be sent again after a restart. */
  readonly repeatable: boolean;
  /**
   * Whether it changes anything in the account, in a Worker's data or on the disk: a read-only server refuses `write`.
   * An invoked Worker may do anything, so that invoking one is a `write`; a dry run of a deploy is not refused.
   */
  readonly effect: 'read' | 'write';
  /** How long the library waits for the answer unless the caller says otherwise, in milliseconds. */
  readonly timeoutMs: number;
}

type Written<P extends z.ZodType, R extends z.ZodType> = Omit<
  MethodDefinition<P, R>,
  'errors' | 'timeoutMs'
> & {
  errors?: readonly ErrorCode[];
  timeoutMs?: number;
};

/** A row that is made when the method is first used. */
export function method<P extends z.ZodType, R extends z.ZodType>(
  write: () => Written<P, R>,
): MethodDefinition<P, R> {
  const row = lazy(write);
  return {
    get summary() {
      return row().summary;
    },
    get params() {
      return row().params;
    },
    get result() {
      return row().result;
    },
    get errors() {
      return row().errors ?? [];
    },
    get repeatable() {
      return row().repeatable;
    },
    get effect() {
      return row().effect;
    },
    get timeoutMs() {
      return row().timeoutMs ?? 30_000;
    },
  };
}
