import { isDeeperThan, MAX_BODY_DEPTH, SidecarError } from '../protocol/index.js';
import type { FrameError } from '../transport/frame-error.js';

type Id = number | string | null;

/** What an error that is cut down keeps of its message. */
const SHORT_MESSAGE_LENGTH = 500;

/**
 * The text of a response with `result`, or with an error in its place: a result that cannot be written, nests too deep
 * or is over the limit of `maxBodyBytes`, fails its own call and not the stream.
 */
export function resultText(id: number | string, result: unknown, maxBodyBytes: number): string {
  let text: string;
  try {
    text = `{"jsonrpc":"2.0","id":${typeof id === 'number' ? id : JSON.stringify(id)},"result":${JSON.stringify(result)}}`;
  } catch (error) {
    return errorText(id, unwritable(error, maxBodyBytes), maxBodyBytes);
  }
  if (!fits(text, maxBodyBytes)) return errorText(id, tooLarge(text.length, maxBodyBytes), maxBodyBytes);
  if (isTooDeep(result, text)) return errorText(id, tooDeep(), maxBodyBytes);
  return text;
}

/**
 * The text of a response with an error. One that does not fit is cut down to the start of its message, then to its code;
 * it keeps its id as long as that fits.
 */
export function errorText(id: Id, error: SidecarError, maxBodyBytes: number): string {
  const data = { limitBytes: maxBodyBytes };
  const short = () =>
    new SidecarError(error.code, `${error.message.slice(0, SHORT_MESSAGE_LENGTH)}…`, { data });
  const bare = new SidecarError(
    error.code,
    `The error's own text is over the limit of ${maxBodyBytes} bytes.`,
    {
      data,
    },
  );
  const withId =
    tryWrite(id, error, maxBodyBytes) ??
    tryWrite(id, short(), maxBodyBytes) ??
    tryWrite(id, bare, maxBodyBytes);
  return withId ?? JSON.stringify({ jsonrpc: '2.0', id: null, error: bare.toWire() });
}

/** What is answered to a body that is no message. */
export function bodyFault({ fault, message }: FrameError): SidecarError {
  const data = { fault };
  if (fault === 'body-too-large') return new SidecarError('limit-exceeded', message, { data });
  const isText = fault !== 'json-invalid' && fault !== 'encoding-invalid';
  return new SidecarError(isText ? 'invalid-request' : 'parse-error', message, { data });
}

/** undefined when it is over a limit, or cannot be written at all. */
function tryWrite(id: Id, error: SidecarError, maxBodyBytes: number): string | undefined {
  const wire = error.toWire();
  if (isDeeperThan(wire, MAX_BODY_DEPTH)) return undefined;
  try {
    const text = JSON.stringify({ jsonrpc: '2.0', id, error: wire });
    return fits(text, maxBodyBytes) ? text : undefined;
  } catch {
    return undefined;
  }
}

/** A level has two brackets: most texts are settled without looking at the result. */
function isTooDeep(result: unknown, text: string): boolean {
  return text.length > 2 * MAX_BODY_DEPTH && isDeeperThan(result, MAX_BODY_DEPTH);
}

/** Whether a text is within the limit. A character has at most three bytes: most are settled without counting. */
export function fits(text: string, maxBodyBytes: number): boolean {
  return text.length * 3 <= maxBodyBytes || Buffer.byteLength(text) <= maxBodyBytes;
}

function tooLarge(length: number, limitBytes: number): SidecarError {
  return new SidecarError(
    'result-too-large',
    `The result has ${length} characters; the limit is ${limitBytes} bytes. Ask for less, or have it written to a file with \`path\`.`,
    { data: { limitBytes } },
  );
}

function tooDeep(): SidecarError {
  return new SidecarError(
    'result-too-large',
    `The result nests deeper than ${MAX_BODY_DEPTH} levels, which is what fits into one message.`,
    { data: { limitLevels: MAX_BODY_DEPTH } },
  );
}

/** V8 writes no text past its own limits of length and depth, and throws a RangeError. */
function unwritable(error: unknown, limitBytes: number): SidecarError {
  if (!(error instanceof RangeError)) return SidecarError.from(error);
  return new SidecarError('result-too-large', `The result cannot be written as JSON: ${error.message}.`, {
    data: { limitBytes },
    cause: error,
  });
}
