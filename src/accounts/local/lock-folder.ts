import { randomBytes } from 'node:crypto';
import { type FileHandle, link, lstat, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SidecarError } from '../../protocol/index.js';
import { isMissing } from './file-error.js';
import { type FileIdentity, identityOf } from './file-identity.js';
import { readSocketName } from './owner-record.js';
import { removeDeadSocket, type StateDirectory } from './socket-folder.js';

const LOCK = /^owner\.([1-9]\d{0,15})$/;
const DRAFT = /^draft\.[0-9a-f]{16}$/;
const DRAFT_MS = 60_000;
/** No directory changes hands so often: a higher number was not counted up to. */
const MAX_NUMBER = 1_000_000_000_000_000;

export const lockFolder = (stateDir: string) => join(stateDir, 'lock');
export const lockPath = (stateDir: string, number: number) => join(lockFolder(stateDir), `owner.${number}`);

/** The numbers of the locks, highest first. Other names in the folder are nobody's. */
export async function lockNumbers(stateDir: string): Promise<number[]> {
  const names = await readdir(lockFolder(stateDir)).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return names
    .map((name) => Number(LOCK.exec(name)?.[1] ?? 0))
    .filter((number) => number > 0 && number <= MAX_NUMBER)
    .sort((a, b) => b - a);
}

/** A lock that this process has claimed: its open file, and which file that is. */
export interface ClaimedFile {
  handle: FileHandle;
  identity: FileIdentity;
}

/**
 * Links a fully written record to a number, which only one process can win.
 * @returns undefined when the number was taken; else the caller closes the file.
 */
export async function claimNumber(
  stateDir: string,
  number: number,
  record: string,
): Promise<ClaimedFile | undefined> {
  if (number > MAX_NUMBER) throw numberTooHigh(stateDir, number - 1);
  const draft = join(lockFolder(stateDir), `draft.${randomBytes(8).toString('hex')}`);
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(record);
    const identity = identityOf(await handle.stat({ bigint: true }));
    await link(draft, lockPath(stateDir, number));
    return { handle, identity };
  } catch (error) {
    await handle.close();
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw error;
  } finally {
    // One that stays is removed by a later owner.
    await rm(draft, { force: true }).catch(() => undefined);
  }
}

/** Removes the locks below a number with the sockets of killed owners, and what was left of claims cut short. */
export async function removeLowerLocks(directory: StateDirectory, own: number): Promise<void> {
  await removeOldDrafts(directory.path);
  for (const number of await lockNumbers(directory.path)) {
    if (number >= own) continue;
    const path = lockPath(directory.path, number);
    const socketName = await readSocketName(path);
    if (await isFile(path)) await rm(path, { force: true });
    // A living one that withdrew removes its own.
    if (socketName !== undefined) await removeDeadSocket(directory, socketName);
  }
}

/** Drafts of processes that were killed in the middle of a claim. */
async function removeOldDrafts(stateDir: string): Promise<void> {
  for (const name of await readdir(lockFolder(stateDir))) {
    if (!DRAFT.test(name)) continue;
    const path = join(lockFolder(stateDir), name);
    const written = await lstat(path).catch(() => undefined); // Its writer may remove it at this moment.
    if (written?.isFile() && Date.now() - written.mtimeMs > DRAFT_MS) await rm(path, { force: true });
  }
}

/** Somebody else's folder of that name stays, as does whatever a link leads to. */
async function isFile(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined); // Another process may have removed it.
  return found !== undefined && !found.isDirectory();
}

function numberTooHigh(stateDir: string, number: number): SidecarError {
  const path = lockPath(stateDir, number);
  return new SidecarError(
    'file-error',
    `The lock ${path} has the highest number there is, which no process has counted up to. Remove it when nothing uses the state directory.`,
    { data: { path } },
  );
}
