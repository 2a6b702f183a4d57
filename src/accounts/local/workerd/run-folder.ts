import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SidecarError } from '../../../protocol/index.js';
import { fileError } from '../file-error.js';
import { type FileIdentity, identify, isSame, parseIdentity } from '../file-identity.js';
import { readSmallFile } from '../small-file.js';
import {
  fateOf,
  isAlive,
  isOfAnotherBoot,
  ownRecord,
  type ProcessRecord,
  parseProcessRecord,
} from './process-record.js';

/** A unix socket's path must fit `sun_path`: 104 bytes on macOS, 108 on Linux, the final NUL included. */
const MAX_SOCKET_PATH_BYTES = 103;
/** `ff-<hash of the state directory>-<pid>-<random>`. */
const FOLDER_NAME = /^ff-[0-9a-f]{8}-(\d+)-[A-Za-z0-9]{6}$/;
const OWNER_FILE = 'owner';
const MAX_RECORD_BYTES = 4096;
/** What a runtime puts into its folder: the record, its sockets, a folder for each process. */
const ENTRY_NAME = /^(owner|storage\.sock|traces\.sock|p\d+)$/;
/** A folder without a record is one that is just being made, or whose maker was killed just then. */
const UNRECORDED_MS = 60_000;
/** Room for `/ff-<8>-<pid>-<6>/g<generation>/<worker>.sock`. */
const LONGEST_NAME_BYTES = 48;

/**
 * Makes the private folder (0700) of one runtime: sockets, and generated files that hold secrets. What processes that
 * have died left for the same state directory is removed.
 * @throws SidecarError `file-error`, `invalid-option`
 * @param socketDir where to make it; default XDG_RUNTIME_DIR (memory, private), else the system's temporary folder.
 */
export async function makeRunFolder(stateDir: string, socketDir?: string): Promise<string> {
  const parent = await parentFolder(socketDir);
  const prefix = `ff-${createHash('sha256').update(stateDir).digest('hex').slice(0, 8)}-`;
  let folder: string | undefined;
  try {
    if (socketDir !== undefined) await mkdir(socketDir, { recursive: true, mode: 0o700 });
    await removeStale(parent, prefix);
    folder = await mkdtemp(join(parent, `${prefix}${process.pid}-`));
    await chmod(folder, 0o700);
    const record = { process: await ownRecord(), folder: await identify(folder) };
    await writeFile(join(folder, OWNER_FILE), JSON.stringify(record), { mode: 0o600 });
    return folder;
  } catch (error) {
    // The first failure is the one to tell; what stays is removed when this process has ended.
    if (folder !== undefined) await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    throw fileError('make a private folder for workerd in', parent, error);
  }
}

async function parentFolder(socketDir: string | undefined): Promise<string> {
  if (socketDir !== undefined) {
    if (!fits(socketDir)) {
      throw new SidecarError(
        'invalid-option',
        `The folder for sockets is too long: ${socketDir} has ${Buffer.byteLength(socketDir)} bytes, and unix socket paths leave room for ${MAX_SOCKET_PATH_BYTES - LONGEST_NAME_BYTES}. Choose a shorter one.`,
      );
    }
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

/**
 * Removes what dead processes left. A folder is one of ours when it has the name, the owner and the contents, and its
 * record names it; whether its process is dead, the record proves. Everything else stays.
 */
async function removeStale(parent: string, prefix: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = Number(FOLDER_NAME.exec(name)?.[1] ?? Number.NaN);
    const folder = join(parent, name);
    if (Number.isNaN(pid) || !(await holdsOnlyOurs(folder))) continue;
    if (await isAbandoned(folder, pid, name.startsWith(prefix))) {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

async function holdsOnlyOurs(folder: string): Promise<boolean> {
  const stats = await lstat(folder).catch(() => undefined);
  if (!stats?.isDirectory() || stats.uid !== process.getuid?.()) return false;
  const entries = await readdir(folder).catch(() => undefined); // Its process may have removed it just now.
  return entries?.every((name) => ENTRY_NAME.test(name)) ?? false;
}

async function isAbandoned(folder: string, pid: number, isOfSameState: boolean): Promise<boolean> {
  const text = await readSmallFile(join(folder, OWNER_FILE), MAX_RECORD_BYTES).catch(() => undefined);
  if (text === undefined) return isUnrecorded(folder, pid);
  const { process: record, folder: identity } = parseFolderRecord(text);
  if (record?.pid !== pid || !isSame(identity, await identify(folder))) return false;
  if ((await fateOf(record)) === 'dead') return true;
  // Nobody lives that used this state directory before the machine was started anew.
  return isOfSameState && (await isOfAnotherBoot(record)) && !(await isAlive(pid));
}

/** Its maker was killed before it could write the record. */
async function isUnrecorded(folder: string, pid: number): Promise<boolean> {
  const [entries, stats] = await Promise.all([readdir(folder), stat(folder)]).catch(() => [undefined]);
  if (entries?.length !== 0 || stats === undefined) return false;
  return Date.now() - stats.mtimeMs > UNRECORDED_MS && !(await isAlive(pid));
}

function parseFolderRecord(text: string): { process?: ProcessRecord; folder?: FileIdentity } {
  try {
    const value = JSON.parse(text) as { process?: unknown; folder?: unknown } | null;
    return { process: parseProcessRecord(value?.process), folder: parseIdentity(value?.folder) };
  } catch {
    return {}; // A torn record proves nothing.
  }
}
