import { createHash, randomBytes } from 'node:crypto';
import { lstat, mkdir, realpath, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { SidecarError } from '../../protocol/index.js';

/** A unix socket's path has room for about 104 bytes on macOS and 108 on Linux; names take up to 30 of them. */
const MAX_FOLDER_BYTES = 70;

/**
 * A new path to listen on. Sockets lie in the state directory, or, when its path is too long for that, in a folder
 * of this user's in the temporary one. On Windows it is a named pipe.
 */
export async function newSocketPath(stateDir: string): Promise<string> {
  const name = `s-${randomBytes(8).toString('hex')}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\fluorite-flake-${name}`;
  const near = join(stateDir, 'run');
  const folder = Buffer.byteLength(near) <= MAX_FOLDER_BYTES ? near : await folderInTmp(stateDir);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await checkPrivate(folder);
  return join(folder, name);
}

/** Removes the folder of a socket that was closed, when no other socket is in it. */
export async function removeSocketFolder(socketPath: string): Promise<void> {
  if (process.platform === 'win32') return;
  try {
    await rmdir(dirname(socketPath));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(code)) throw error;
  }
}

async function folderInTmp(stateDir: string): Promise<string> {
  const hash = createHash('sha256')
    .update(await realpath(stateDir))
    .digest('hex');
  return join(tmpdir(), `fluorite-flake-${process.getuid?.() ?? 0}-${hash.slice(0, 8)}`);
}

/** The socket itself is only as private as its folder: anybody could have made one of that name. */
async function checkPrivate(folder: string): Promise<void> {
  const found = await lstat(folder);
  if (found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0) return;
  throw new SidecarError(
    'file-error',
    `The folder ${folder} for sockets is not a private folder of this user (0700). Remove it, or make it private.`,
    { data: { path: folder } },
  );
}
