import { createHash, randomBytes } from 'node:crypto';
import { lstat, realpath, rmdir, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { FileIdentity } from './file-identity.js';
import { isListening } from './is-listening.js';
import { makePrivateFolder } from './private-folder.js';

/** A unix socket's path has room for about 104 bytes on macOS and 108 on Linux; names take up to 30 of them. */
const MAX_FOLDER_BYTES = 70;
const SOCKET_NAME = /^s-[0-9a-f]{16}$/;
const PIPE_FOLDER = '\\\\.\\pipe\\fluorite-flake-';

/** A state directory: where it is, and which folder that is. */
export interface StateDirectory {
  path: string;
  identity: FileIdentity;
}

/**
 * A new path to listen on. Sockets lie in the state directory, or, when its path is too long for that, in a folder
 * of this user's in the temporary one. On Windows it is a named pipe.
 * @throws SidecarError `file-error` when that folder is not this user's alone.
 */
export async function newSocketPath(directory: StateDirectory): Promise<string> {
  const name = `s-${randomBytes(8).toString('hex')}`;
  if (process.platform === 'win32') return PIPE_FOLDER + name;
  const near = nearFolder(directory);
  const folder = Buffer.byteLength(near) <= MAX_FOLDER_BYTES ? near : folderInTmp(directory);
  await makePrivateFolder(folder);
  return join(folder, name);
}

/** The name of a socket of ours at the end of a path that somebody wrote down; undefined when it is none. */
export function socketNameIn(path: unknown): string | undefined {
  if (typeof path !== 'string') return undefined;
  const name = path.startsWith(PIPE_FOLDER) ? path.slice(PIPE_FOLDER.length) : path.split('/').at(-1);
  return name !== undefined && SOCKET_NAME.test(name) ? name : undefined;
}

/**
 * Where a socket of this name lies among those of the state directory: it may have been made when the directory had
 * another path. Sockets are looked for nowhere else, whatever path a record gives.
 */
export async function findSocket(directory: StateDirectory, name: string): Promise<string | undefined> {
  if (process.platform === 'win32') return PIPE_FOLDER + name;
  for (const folder of [nearFolder(directory), folderInTmp(directory), await formerFolderInTmp(directory)]) {
    const path = join(folder, name);
    if ((await isOwnFolder(folder)) && (await isSocket(path))) return path;
  }
  return undefined;
}

/** Removes the socket that a killed process left. One that is listened on stays. */
export async function removeDeadSocket(directory: StateDirectory, name: string): Promise<void> {
  const path = process.platform === 'win32' ? undefined : await findSocket(directory, name);
  if (path === undefined || (await isListening(path))) return;
  await unlink(path).catch(ignoreMissing);
}

/** Removes the folder of a socket that was closed, when no other socket is in it. */
export async function removeSocketFolder(socketPath: string): Promise<void> {
  if (process.platform === 'win32') return;
  try {
    await rmdir(dirname(socketPath));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR'].includes(code)) throw error;
  }
}

const nearFolder = ({ path }: StateDirectory) => join(path, 'run');

/** Named after the folder and not its path, so that it is found when the state directory was moved. */
function folderInTmp({ identity }: StateDirectory): string {
  return tmpFolder(`${identity.device}:${identity.inode}`);
}

/** Versions before the protocol 2 named it after the path. */
async function formerFolderInTmp({ path }: StateDirectory): Promise<string> {
  return tmpFolder(await realpath(path));
}

function tmpFolder(of: string): string {
  const hash = createHash('sha256').update(of).digest('hex');
  return join(tmpdir(), `fluorite-flake-${process.getuid?.() ?? 0}-${hash.slice(0, 8)}`);
}

async function isOwnFolder(path: string): Promise<boolean> {
  const found = await lstat(path).catch(ignoreMissing);
  return found?.isDirectory() === true && found.uid === process.getuid?.();
}

async function isSocket(path: string): Promise<boolean> {
  const found = await lstat(path).catch(ignoreMissing);
  return found?.isSocket() === true;
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
  throw error;
}
