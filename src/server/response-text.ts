import { SidecarError } from '../protocol/index.js';
import type { FrameError } from '../transport/frame-error.js';

type Id = number | string | null;

/**
 * The text of a response with `result`, or with an error in its place: a result that cannot be written, or is
 * over the limit of `maxBodyBytes`, fails its own call and not the stream.
 */
export function resultText(id: number | string, result: unknown, maxBodyBytes: number): string {
  let text: string;
  try {
    text = `{"jsonrpc":"2.0","id":${typeof id === 'number' ? id : JSON.stringify(id)},"result":${JSON.stringify(result)}}`;
  } catch (error) {
    return errorText(id, SidecarError.from(error), maxBodyBytes);
  }
  return fits(text, maxBodyBytes) ? text : errorText(id, tooLarge(text.length, maxBodyBytes), maxBodyBytes);
}

/** The text of a response with an error. One that repeats much of what it refuses is cut down to its code. */
export function errorText(id: Id, error: SidecarError, maxBodyBytes: number): string {
  const text = JSON.stringify({ jsonrpc: '2.0', id, error: error.toWire() });
  if (fits(text, maxBodyBytes)) return text;
  const message = `The error's own text is over the limit of ${maxBodyBytes} bytes.`;
  const short = new SidecarError(error.code, message, { data: { limitBytes: maxBodyBytes } });
  const shortId = typeof id === 'string' && id.length > 256 ? null : id;
  return JSON.stringify({ jsonrpc: '2.0', id: shortId, error: short.toWire() });
}

/** What is answered to a body that is no message. */
export function bodyFault({ fault, message }: FrameError): SidecarError {
  const isText = fault !== 'json-invalid' && fault !== 'encoding-invalid';
  return new SidecarError(isText ? 'invalid-request' : 'parse-error', message, { data: { fault } });
}

/** A character has at most three bytes: most texts are settled without counting. */
function fits(text: string, maxBodyBytes: number): boolean {
  return text.length * 3 <= maxBodyBytes || Buffer.byteLength(text) <= maxBodyBytes;
}

function tooLarge(length: number, limitBytes: number): SidecarError {
  return new SidecarError(
    'result-too-large',
    `The result has ${length} characters; the limit is ${limitBytes} bytes. Ask for less, or have it written to a file with \`path\`.`,
    { data: { limitBytes } },
  );
}
