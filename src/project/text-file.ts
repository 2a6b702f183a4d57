import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { fileError } from '../protocol/errors.js';
import { SidecarError } from '../protocol/index.js';

/**
 * A text file of the project, in UTF-8 with or without a byte order mark.
 * @throws SidecarError `file-error` when it cannot be read, or is in another encoding: read all the same, its text
 * would be another one.
 */
export async function readText(path: string): Promise<string> {
  let content: Buffer;
  try {
    content = await readFile(path);
  } catch (error) {
    throw fileError('read', path, error);
  }
  const fault = encodingFault(content);
  if (fault) throw new SidecarError('file-error', `${path}: ${fault}.`, { data: { path } });
  return content.toString().replace(/^\uFEFF/, ''); // some editors put one first
}

/** Why these bytes are no text in UTF-8, and what to do; undefined when they are. */
export function encodingFault(content: Uint8Array): string | undefined {
  const [first, second] = content;
  const hasMark = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  // ASCII in UTF-16 has a zero byte in every pair; text in UTF-8 has none.
  const zeros = content.reduce((count, byte) => count + Number(byte === 0), 0);
  if (hasMark || (zeros > 0 && zeros * 4 >= content.length))
    return 'it is in UTF-16, not in UTF-8; save it as UTF-8';
  if (isUtf8(content)) return undefined;
  return `it is not in UTF-8: line ${lineOfFault(content)} has a byte of another encoding, such as Latin-1; save it as UTF-8`;
}

function lineOfFault(content: Uint8Array): number {
  let line = 1;
  for (let from = 0; from < content.length; line += 1) {
    const end = content.indexOf(10, from);
    const to = end < 0 ? content.length : end;
    if (!isUtf8(content.subarray(from, to))) break;
    from = to + 1;
  }
  return line;
}
