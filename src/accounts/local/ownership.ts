import { randomBytes } from 'node:crypto';
import { link, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SidecarError } from '../../protocol/index.js';
import { fileError, isMissing } from './file-error.js';
import { makeFolder } from './make-folder.js';

/** What a lock file says about the process that wrote it. */
export interface OwnerRecord {
  /** Where the owner serves the account. */
  socketPath: string;
  pid: number;
  /** ISO 8601. */
  startedAt: string;
}

/** How an owner's socket answers: `gone` when nobody listens any more, `closing` when it is about to. */
export type Liveness = 'alive' | 'closing' | 'gone' | 'silent';

export interface OwnershipOptions {
  stateDir: string;
  /** Asks the socket of another process; must settle within a few seconds. */
  probe(socketPath: string): Promise<Liveness>;
  /** Starts listening on a new socket, unless it does already, and tells its path. */
  listen(): Promise<string>;
  /** Closes that socket: a lock that names it was given up, and others may remove its file at any time. */
  unlisten(): Promise<void>;
}

const CLOSING_TIMEOUT_MS = 15_000;

/**
 * Makes this process the owner of a state directory, or finds the one that is.
 *
 * The lock dies with its holder and guesses nothing from pids: whoever holds the highest `lock/owner.<n>` owns the
 * directory as long as the socket it names accepts connections, and the kernel closes that with the process. A
 * process listens first and claims second, so a claimed lock is never dead while its holder lives. Claiming is
 * `link()` of a fully written file to the next number, which only one can win. The highest file is never deleted,
 * so numbers only grow; one that claimed a number that was deleted meanwhile sees a higher one and withdraws.
 *
 * @returns the other owner's record, or undefined when this process is the owner now.
 * @throws SidecarError `state-locked` when the owner does not answer.
 */
export async function acquireOwnership(options: OwnershipOptions): Promise<OwnerRecord | undefined> {
  const folder = join(options.stateDir, 'lock');
  const deadline = performance.now() + CLOSING_TIMEOUT_MS;
  try {
    await makeFolder(folder);
    for (;;) {
      const top = await highest(folder);
      const record = top === 0 ? undefined : await readRecord(join(folder, `owner.${top}`));
      const liveness = record ? await options.probe(record.socketPath) : 'gone';
      if (record && liveness === 'alive') {
        await options.unlisten();
        return record;
      }
      if (record && liveness !== 'gone') {
        if (liveness === 'silent' || performance.now() > deadline)
          throw stateLocked(options.stateDir, record);
        await delay(20);
        continue;
      }
      const socketPath = await options.listen();
      if (!(await claim(folder, top + 1, socketPath))) continue;
      if ((await highest(folder)) === top + 1) {
        await removeLower(folder, top + 1);
        return undefined;
      }
      await options.unlisten();
    }
  } catch (error) {
    throw fileError('take ownership of', options.stateDir, error);
  }
}

async function numbers(folder: string): Promise<number[]> {
  const names = await readdir(folder);
  return names.map((name) => Number(/^owner\.(\d+)$/.exec(name)?.[1] ?? 0)).filter((number) => number > 0);
}

async function highest(folder: string): Promise<number> {
  return Math.max(0, ...(await numbers(folder)));
}

/** The record of a lock; undefined when the file went away, which only happens once a higher one exists. */
async function readRecord(path: string): Promise<OwnerRecord | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as OwnerRecord;
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (error instanceof SyntaxError) return undefined; // Damaged on disk: nobody can be found behind it.
    throw error;
  }
}

async function claim(folder: string, number: number, socketPath: string): Promise<boolean> {
  const draft = join(folder, `draft.${randomBytes(8).toString('hex')}`);
  const record: OwnerRecord = { socketPath, pid: process.pid, startedAt: new Date().toISOString() };
  await writeFile(draft, JSON.stringify(record), { mode: 0o600, flag: 'wx' });
  try {
    await link(draft, join(folder, `owner.${number}`));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function removeLower(folder: string, own: number): Promise<void> {
  await removeOldDrafts(folder);
  for (const number of await numbers(folder)) {
    if (number >= own) continue;
    const path = join(folder, `owner.${number}`);
    const record = await readRecord(path);
    await rm(path, { force: true });
    // The socket of a killed owner; a living one that withdrew removes its own.
    if (record && process.platform !== 'win32') await rm(record.socketPath, { force: true });
  }
}

/** Drafts of processes that were killed in the middle of a claim. */
async function removeOldDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith('draft.')) continue;
    const path = join(folder, name);
    const written = await stat(path).catch(() => undefined); // Its writer may remove it at this moment.
    if (written && Date.now() - written.mtimeMs > 60_000) await rm(path, { force: true });
  }
}

/** The owner lives and does not answer. */
export function stateLocked(stateDir: string, record: OwnerRecord): SidecarError {
  return new SidecarError(
    'state-locked',
    `The process ${record.pid} owns the state directory ${stateDir} and does not answer. End it, or use another --state-dir.`,
    { data: { pid: record.pid, stateDir, startedAt: record.startedAt } },
  );
}
