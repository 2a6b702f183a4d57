/** Paths whose PUT and DELETE have the same effect and the same answer when they are done twice. */
const IDEMPOTENT_PATH = /\/(?:values|objects)\/[^/]+$|\/schedules$/;

/**
 * Whether a request that may or may not have been carried out is sent again. Reading is; writing a value is. Deleting
 * a Worker or a bucket is not: the second answer would be `not found`.
 */
export function isRepeatable(method: string, path: string): boolean {
  if (method === 'GET' || method === 'HEAD') return true;
  if (method === 'PUT' || method === 'DELETE') return IDEMPOTENT_PATH.test(path);
  return method === 'POST' && path.endsWith('/graphql');
}

const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Whether no connection came about, so that nothing can have been carried out. */
export function wasNeverSent(error: Error): boolean {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (NEVER_SENT.has(String((at as NodeJS.ErrnoException).code))) return true;
    if (at instanceof AggregateError && at.errors.length > 0)
      return at.errors.every((one) => one instanceof Error && wasNeverSent(one));
  }
  return false;
}
