import { APIError } from 'cloudflare/core/error';
import { toSidecarError } from '../../cloudflare/errors.js';
import type { SidecarError } from '../../protocol/index.js';

/** The error that a failed answer of the local API stands for, as the SDK's client would have told it. */
export async function answerError(response: Response, what: string): Promise<SidecarError> {
  // An answer that is not JSON is told by its status alone.
  const body: unknown = await response.json().catch(() => undefined);
  const error = APIError.generate(response.status, body as object | undefined, undefined, response.headers);
  return toSidecarError(error, what);
}
