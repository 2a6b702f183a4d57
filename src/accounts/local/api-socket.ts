import { once } from 'node:events';
import { lstat, unlink } from 'node:fs/promises';
import type { Server } from 'node:http';
import { SidecarError } from '../../protocol/index.js';
import { fileError, isMissing } from './file-error.js';
import { isListening } from './is-listening.js';

/** The room of `sun_path` without its closing zero: 103 bytes on macOS, 107 on Linux. */
const MAX_PATH_BYTES = process.platform === 'darwin' ? 103 : 107;

/**
 * Lets a server listen on a unix socket at a path that the user chose. The file of a socket that nobody listens on
 * any more is replaced; anything else that is there stays.
 * @throws SidecarError `invalid-option`, `conflict` when somebody listens there, `file-error`.
 */
export async function listenOnPath(server: Server, path: string): Promise<void> {
  if (process.platform === 'win32') {
    throw new SidecarError('unsupported-platform', 'There are no unix sockets on Windows. Use --port.');
  }
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_PATH_BYTES) {
    throw new SidecarError(
      'invalid-option',
      `The path ${path} has ${bytes} bytes; a unix socket's has at most ${MAX_PATH_BYTES}. Choose a shorter one.`,
    );
  }
  // A tail's URL is `ws+unix:<path>:/tails/…`, in which nothing can be escaped.
  if (path.includes(':') || new URL(`ws+unix:${path}`).pathname !== path) {
    throw new SidecarError(
      'invalid-option',
      `The path ${path} has characters that a WebSocket's URL cannot carry. Choose one of letters, digits, / - _ and dots.`,
    );
  }
  try {
    await removeStale(path);
    await listenPrivately(server, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw inUse(path);
    throw fileError('listen on', path, error);
  }
}

/** The socket is born with the mode 0600: there is no moment at which another user could open it. */
async function listenPrivately(server: Server, path: string): Promise<void> {
  const before = process.umask(0o177);
  try {
    server.listen(path); // Binds before it returns.
  } finally {
    process.umask(before);
  }
  await once(server, 'listening');
}

async function removeStale(path: string): Promise<void> {
  const found = await inodeOf(path);
  if (found === undefined) return;
  if (await isListening(path)) throw inUse(path);
  // Another process may have put its own socket there while this one looked.
  if ((await inodeOf(path)) !== found) throw inUse(path);
  await unlink(path);
}

/** @returns undefined when nothing is there. @throws SidecarError `conflict` for anything but a socket. */
async function inodeOf(path: string): Promise<number | undefined> {
  try {
    const found = await lstat(path);
    if (found.isSocket()) return found.ino;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  throw new SidecarError('conflict', `${path} exists and is no socket: it stays. Choose another path.`, {
    data: { path },
  });
}

function inUse(path: string): SidecarError {
  return new SidecarError(
    'conflict',
    `A process listens on ${path} already. End it, or choose another path.`,
    {
      data: { path },
    },
  );
}
