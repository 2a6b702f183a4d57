import type * as z from 'zod';
import { SidecarError } from './errors.js';
import { type MethodName, methods, type ParsedParams, type Result } from './methods.js';

/** Places that an error lists: a long array may be wrong in each of its items. */
const MAX_ISSUES = 100;

/**
 * The params of `method`, checked against the contract, with defaults filled in.
 * Absent params count as `{}`, as JSON-RPC allows them to be left out.
 * @throws SidecarError `invalid-params`, with the places that do not fit in `data.issues`, 100 at most.
 */
export function parseParams<M extends MethodName>(method: M, params: unknown): ParsedParams<M> {
  const parsed = methods[method].params.safeParse(params ?? {});
  if (parsed.success) return parsed.data as ParsedParams<M>;
  throw new SidecarError('invalid-params', `${method}: ${describe(parsed.error)}.`, {
    data: { method, issues: issues(parsed.error) },
  });
}

/**
 * A result checked against the contract; unknown keys are left out.
 * @throws SidecarError `internal-error` on the server, whose handlers must fit; the library calls it `protocol-error`.
 */
export function parseResult<M extends MethodName>(
  method: M,
  result: unknown,
  code: 'internal-error' | 'protocol-error' = 'internal-error',
): Result<M> {
  const parsed = methods[method].result.safeParse(result);
  if (parsed.success) return parsed.data as Result<M>;
  throw new SidecarError(
    code,
    `The result of ${method} does not fit the contract: ${describe(parsed.error)}.`,
    {
      data: { method, issues: issues(parsed.error) },
    },
  );
}

function describe(error: z.ZodError): string {
  return error.issues
    .slice(0, 5)
    .map((issue) => (issue.path.length > 0 ? `\`${issue.path.join('.')}\`: ${issue.message}` : issue.message))
    .join('; ');
}

function issues(error: z.ZodError) {
  return error.issues.slice(0, MAX_ISSUES).map((issue) => ({
    path: issue.path.join('.'),
    code: issue.code,
    message: issue.message,
  }));
}
