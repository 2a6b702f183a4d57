import { isAscii, isUtf8 } from 'node:buffer';
import { FrameError } from './frame-error.js';

/** A body as text. @throws FrameError `encoding-invalid` */
export function bodyText(bytes: Buffer, start: number, end: number, text?: string): string {
  if (text !== undefined) return text.substring(start, end);
  const body = bytes.subarray(start, end);
  if (isAscii(body)) return body.toString('latin1');
  checkEncoding(body);
  return body.toString('utf8');
}

/** A body parsed as JSON. @throws FrameError `json-invalid` */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FrameError('json-invalid', `A body is not JSON: ${(error as Error).message}.`);
  }
}

/** @throws FrameError `encoding-invalid` */
export function checkEncoding(bytes: Uint8Array): void {
  if (!isUtf8(bytes)) {
    throw new FrameError('encoding-invalid', `A body of ${bytes.length} bytes is not valid UTF-8.`);
  }
}
