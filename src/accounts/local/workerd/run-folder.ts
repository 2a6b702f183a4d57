import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SidecarError } from '../../../protocol/index.js';

/** A unix socket's path must fit `sun_path`: 104 bytes on macOS, 108 on Linux, the final NUL included. */
const MAX_SOCKET_PATH_BYTES = 103;
/** Room for `/ff-<8>-<pid>-<6>/g<generation>/<worker>.sock`. */
const LONGEST_NAME_BYTES = 48;

/**
 * Makes the private folder (0700) of one runtime: sockets, and generated files that hold secrets. What processes that
 * have died left for the same state directory is removed.
 * @param socketDir where to make it; default XDG_RUNTIME_DIR (memory, private), else the system's temporary folder.
 */
export async function makeRunFolder(stateDir: string, socketDir?: string): Promise<string> {
  const parent = await parentFolder(socketDir);
  const prefix = `ff-${createHash('sha256').update(stateDir).digest('hex').slice(0, 8)}-`;
  await removeStale(parent, prefix);
  const folder = await mkdtemp(join(parent, `${prefix}${process.pid}-`));
  await chmod(folder, 0o700);
  return folder;
}

async function parentFolder(socketDir: string | undefined): Promise<string> {
  if (socketDir !== undefined) {
    if (!fits(socketDir)) {
      throw new SidecarError(
        'invalid-option',
        `The folder for sockets is too long: ${socketDir} has ${Buffer.byteLength(socketDir)} bytes, and unix socket paths leave room for ${MAX_SOCKET_PATH_BYTES - LONGEST_NAME_BYTES}. Choose a shorter one.`,
      );
    }
    await mkdir(socketDir, { recursive: true, mode: 0o700 });
    return socketDir;
  }
  for (const candidate of [process.env.XDG_RUNTIME_DIR, tmpdir(), '/tmp']) {
    if (candidate && fits(candidate) && (await isFolder(candidate))) return candidate;
  }
  throw new SidecarError(
    'file-error',
    `No folder for unix sockets was found: XDG_RUNTIME_DIR, ${tmpdir()} and /tmp are missing or their paths too long.`,
    { data: { path: tmpdir() } },
  );
}

const fits = (path: string) => Buffer.byteLength(path) + LONGEST_NAME_BYTES <= MAX_SOCKET_PATH_BYTES;

async function isFolder(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  return stats?.isDirectory() ?? false;
}

/** Only folders of the same state directory: another one's process may live in a container with pids of its own. */
async function removeStale(parent: string, prefix: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = name.startsWith(prefix) ? Number(name.slice(prefix.length).split('-')[0]) : Number.NaN;
    if (Number.isInteger(pid) && !isAlive(pid))
      await rm(join(parent, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
