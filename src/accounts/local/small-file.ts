import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** Neither follows a link nor waits for the writer of a pipe. Windows knows neither flag. */
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
/** Missing, a link, a socket, or a device without a driver: nothing of ours. */
const NO_FILE = ['ENOENT', 'ENOTDIR', 'ELOOP', 'EMLINK', 'EFTYPE', 'ENXIO', 'ENODEV', 'EISDIR'];

/**
 * The text of a small file of our own making; undefined when there is none of that kind: a folder, a link, a pipe, or
 * one with more than `maxBytes`.
 */
export async function readSmallFile(path: string, maxBytes: number): Promise<string | undefined> {
  const handle = await open(path, FLAGS).catch((error: NodeJS.ErrnoException) => {
    if (NO_FILE.includes(error.code ?? '')) return undefined;
    throw error;
  });
  if (handle === undefined) return undefined;
  try {
    const found = await handle.stat();
    if (!found.isFile() || found.size > maxBytes) return undefined;
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(maxBytes), 0, maxBytes, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}
