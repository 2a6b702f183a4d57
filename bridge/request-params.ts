import { type CallableMethod, parseParams, SidecarError } from '../src/protocol/index.js';

/** What a request has around its params, at most. */
const ENVELOPE_BYTES = 128;

/**
 * The params of a call as JSON, checked against the contract and against `maxBodyBytes`, the limit of a whole message.
 * @throws SidecarError `invalid-params`, `limit-exceeded`
 */
export function writeParams(method: CallableMethod, params: unknown, maxBodyBytes: number): string {
  const parsed = parseParams(method, params);
  // An object of a class may hold in accessors what was checked, and JSON leaves those out.
  const json = stringify(method, isPlain(params) ? params : parsed);
  const limitBytes = maxBodyBytes - ENVELOPE_BYTES;
  // A character has at most three bytes: most are settled without counting.
  if (json.length * 3 <= limitBytes) return json;
  const bytes = Buffer.byteLength(json);
  if (bytes <= limitBytes) return json;
  const message = `${method}: the params have ${bytes} bytes as JSON; the limit is ${limitBytes}. Give big values by file path.`;
  throw new SidecarError('limit-exceeded', message, { data: { limitBytes } });
}

function isPlain(params: unknown): boolean {
  if (params === undefined || params === null) return true;
  const prototype = Object.getPrototypeOf(params);
  return prototype === Object.prototype || prototype === null;
}

function stringify(method: string, params: unknown): string {
  try {
    return JSON.stringify(params ?? {});
  } catch (cause) {
    const message = `${method}: the params cannot be written as JSON: ${(cause as Error).message}.`;
    throw new SidecarError('invalid-params', message, { cause });
  }
}
