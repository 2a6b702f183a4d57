import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** Logins are of some hundred bytes; past this it is another file. */
const MAX_BYTES = 1024 * 1024;

/**
 * A small text file that others write, in UTF-8; undefined when it is not there.
 * @param unreadable makes the error for one that is there and is no such file; `why` completes "cannot be read:".
 */
export async function readTextFile(
  path: string,
  unreadable: (why: string) => Error,
): Promise<string | undefined> {
  let handle: FileHandle;
  try {
    // Otherwise opening a FIFO waits until somebody writes to it.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unreadable(code);
  }
  try {
    const fault = await faultOf(handle);
    if (fault) throw unreadable(fault);
    const content = await handle.readFile().catch((error: unknown) => {
      throw unreadable(codeOf(error));
    });
    return decode(content, unreadable);
  } finally {
    // Nothing was written: a failing close loses nothing.
    await handle.close().catch(() => undefined);
  }
}

/** JSON, or undefined, which fits no schema: the parser's message would quote the file. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function faultOf(handle: FileHandle): Promise<string | undefined> {
  try {
    const found = await handle.stat();
    if (found.isDirectory()) return 'it is a folder';
    if (!found.isFile()) return 'it is no regular file';
    return found.size > MAX_BYTES ? `it is larger than ${MAX_BYTES / 1024} KiB` : undefined;
  } catch (error) {
    return codeOf(error);
  }
}

function decode(content: Buffer, unreadable: (why: string) => Error): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    throw unreadable('it is not UTF-8');
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'it cannot be opened';
}
