import { statfs } from 'node:fs/promises';
import { SidecarError } from '../../../protocol/index.js';
import { fileError } from '../file-error.js';

/** A database needs this much for its own journal. */
const LEAST_FREE_BYTES = 1024 * 1024;

/**
 * What a failed write means: workerd answers that it failed, and not why.
 * @param error what is thrown when there is room enough below `folder`
 * @param bytes what was to be written
 * @returns a `file-error` that says that the disk is full, or `error`
 */
export async function orDiskFull(
  error: unknown,
  what: string,
  folder: string,
  bytes: number,
): Promise<unknown> {
  if (!(error instanceof SidecarError) || error.code !== 'workerd-failed') return error;
  if (!error.message.includes('SQLITE_FULL') && (await hasRoom(folder, bytes))) return error;
  const cause = Object.assign(new Error(error.message, { cause: error }), { code: 'ENOSPC' });
  return fileError(`write ${what} below`, folder, cause);
}

async function hasRoom(folder: string, bytes: number): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize >= Math.max(bytes, LEAST_FREE_BYTES);
  } catch {
    return true; // It cannot be told: the first error stands.
  }
}
