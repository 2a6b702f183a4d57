import {
  type CallableMethod,
  isDeeperThan,
  MAX_BODY_DEPTH,
  parseParams,
  SidecarError,
} from '../src/protocol/index.js';

/** What a request has around its params, at most. */
const ENVELOPE_BYTES = 128;

/**
 * The params of a call as JSON, checked against the contract, against `maxBodyBytes`, the limit of a whole message, and
 * against the depth of one.
 * @throws SidecarError `invalid-params`, `limit-exceeded`
 */
export function writeParams(method: CallableMethod, params: unknown, maxBodyBytes: number): string {
  const parsed = parseParams(method, params);
  const limitBytes = maxBodyBytes - ENVELOPE_BYTES;
  // An object of a class may hold in accessors what was checked, and JSON leaves those out.
  const written = isPlain(params) ? params : parsed;
  const json = stringify(method, written, limitBytes);
  checkDepth(method, written, json);
  // A character has at most three bytes: most are settled without counting.
  if (json.length * 3 <= limitBytes) return json;
  const bytes = Buffer.byteLength(json);
  if (bytes <= limitBytes) return json;
  throw tooLarge(method, `${bytes} bytes`, limitBytes);
}

function isPlain(params: unknown): boolean {
  if (params === undefined || params === null) return true;
  const prototype = Object.getPrototypeOf(params);
  return prototype === Object.prototype || prototype === null;
}

function stringify(method: string, params: unknown, limitBytes: number): string {
  try {
    const json: unknown = JSON.stringify(params ?? {});
    // A `toJSON` may give nothing.
    if (typeof json !== 'string') throw new TypeError('they have no JSON form');
    return json;
  } catch (cause) {
    // V8 writes some thousand levels and half a GiB, and no more.
    if (cause instanceof RangeError) {
      const isLong = /string length/i.test(cause.message);
      throw isLong ? tooLarge(method, 'too many bytes', limitBytes, cause) : tooDeep(method, cause);
    }
    const message = `${method}: the params cannot be written as JSON: ${(cause as Error).message}.`;
    throw new SidecarError('invalid-params', message, { cause });
  }
}

/**
 * A level has two brackets: most params are settled by their length. What JSON leaves out may be deep (an inherited member),
 * and what a `toJSON` adds is not seen here: the text decides on the one, the server on the other.
 */
function checkDepth(method: string, params: unknown, json: string): void {
  if (json.length <= 2 * MAX_BODY_DEPTH || !isDeeperThan(params, MAX_BODY_DEPTH)) return;
  if (isDeeperThan(JSON.parse(json), MAX_BODY_DEPTH)) throw tooDeep(method);
}

function tooLarge(method: string, size: string, limitBytes: number, cause?: unknown): SidecarError {
  const message = `${method}: the params have ${size} as JSON; the limit is ${limitBytes}. Give big values by file path.`;
  return new SidecarError('limit-exceeded', message, { data: { limitBytes }, cause });
}

function tooDeep(method: string, cause?: unknown): SidecarError {
  const message = `${method}: the params nest deeper than ${MAX_BODY_DEPTH} levels, which is what fits into one message.`;
  const data = { method, fault: 'depth-exceeded', limitLevels: MAX_BODY_DEPTH };
  return new SidecarError('invalid-params', message, { data, cause });
}
