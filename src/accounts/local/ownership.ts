import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { SidecarError } from '../../protocol/index.js';
import { fileError } from './file-error.js';
import { identify, isSame } from './file-identity.js';
import { HeldLock } from './held-lock.js';
import type { Liveness } from './hello.js';
import { isListening } from './is-listening.js';
import { claimNumber, lockFolder, lockNumbers, lockPath, removeLowerLocks } from './lock-folder.js';
import { type OwnerRecord, readRecord, SHARING_PROTOCOL, writeRecord } from './owner-record.js';
import { makePrivateFolder, openStateDir } from './private-folder.js';
import { findSocket, type StateDirectory } from './socket-folder.js';
import { fateOf, ownRecord } from './workerd/process-record.js';

/** The owner of a state directory, and where it serves the account. */
export interface OtherOwner {
  record: OwnerRecord;
  socketPath: string;
}

export interface OwnershipOptions {
  stateDir: string;
  /** Asks the socket whether the owner of the record is behind it; must settle within a few seconds. */
  hello(socketPath: string, record: OwnerRecord): Promise<Liveness>;
  /** Starts listening on a new socket of the directory, unless it does already, and tells its path. */
  listen(directory: StateDirectory): Promise<string>;
  /** How long an owner that is going is waited for. Default 15,000. */
  closingTimeoutMs?: number;
  /** Closes that socket: a lock that names it was given up, and others may remove its file at any time. */
  unlisten(): Promise<void>;
}

const CLOSING_TIMEOUT_MS = 15_000;

/**
 * Makes this process the owner of a state directory, or finds the one that is.
 *
 * The lock dies with its holder: whoever holds the highest `lock/owner.<n>` owns the directory as long as it answers on
 * its socket, and the kernel closes that with the process. A process listens first and claims second, so a claimed
 * lock is never dead while its holder lives. Claiming is `link()` of a fully written file to the next number, which
 * only one can win. The highest file is never deleted, so numbers only grow; one that claimed a number that was deleted
 * meanwhile sees a higher one and withdraws.
 *
 * A record is believed when it is of this very directory, and its owner says the same of itself. A copy of the directory
 * therefore has no owner. One whose process lives and whose socket is gone is waited for and then named: its
 * processes may still write.
 *
 * @throws SidecarError `state-locked` when the owner does not answer, or is another version; `file-error`.
 */
export async function acquireOwnership(options: OwnershipOptions): Promise<HeldLock | OtherOwner> {
  const { stateDir } = options;
  try {
    await openStateDir(stateDir);
    await makePrivateFolder(lockFolder(stateDir));
    return await contend(options);
  } catch (error) {
    throw fileError('take ownership of', stateDir, error);
  }
}

async function contend(options: OwnershipOptions): Promise<HeldLock | OtherOwner> {
  const deadline = performance.now() + (options.closingTimeoutMs ?? CLOSING_TIMEOUT_MS);
  for (;;) {
    const directory = await locate(options.stateDir);
    const numbers = await lockNumbers(options.stateDir);
    const standing = await findStanding(options, directory, numbers);
    if (standing?.liveness === 'alive') {
      await options.unlisten();
      return standing.owner;
    }
    if (standing !== undefined) {
      const { liveness, record } = standing;
      if (liveness === 'silent' || performance.now() > deadline) {
        throw stateLocked(options.stateDir, record);
      }
      await delay(20);
      continue;
    }
    const lock = await claim(options, directory, (numbers[0] ?? 0) + 1);
    if (lock !== undefined) return lock;
  }
}

async function locate(stateDir: string): Promise<StateDirectory> {
  const identity = await identify(stateDir);
  if (identity !== undefined) return { path: stateDir, identity };
  throw Object.assign(new Error('it was removed at this moment'), { code: 'ENOENT' });
}

type Standing =
  | { liveness: 'alive'; owner: OtherOwner }
  | { liveness: 'closing' | 'silent'; record: OwnerRecord };

/** Whoever stands behind one of the locks, the highest first. What is no record, or proves nothing, is passed over. */
async function findStanding(
  options: OwnershipOptions,
  directory: StateDirectory,
  numbers: readonly number[],
): Promise<Standing | undefined> {
  for (const number of numbers) {
    const record = await readRecord(lockPath(options.stateDir, number));
    const standing = record && (await examine(options, directory, record));
    if (standing !== undefined) return standing;
  }
  return undefined;
}

async function examine(
  options: OwnershipOptions,
  directory: StateDirectory,
  record: OwnerRecord,
): Promise<Standing | undefined> {
  const { identity } = record;
  const socketPath = await findSocket(directory, record.socketName);
  if (identity === undefined) {
    // What another version understands is not known: it is sent nothing.
    if (socketPath !== undefined && (await isListening(socketPath)))
      throw otherVersion(options.stateDir, record);
    return undefined;
  }
  if (!isSame(identity.directory, directory.identity)) return undefined;
  const liveness = socketPath === undefined ? 'gone' : await options.hello(socketPath, record);
  if (liveness === 'alive') return { liveness, owner: { record, socketPath: String(socketPath) } };
  const fate = await fateOf(identity.process);
  if (fate === 'dead') return undefined;
  if (liveness === 'closing' || liveness === 'silent') return { liveness, record };
  // Its socket was removed: whether it has noticed yet is not known.
  return fate === 'alive' ? { liveness: 'closing', record } : undefined;
}

/** @returns undefined when another process was faster. */
async function claim(
  options: OwnershipOptions,
  directory: StateDirectory,
  number: number,
): Promise<HeldLock | undefined> {
  const socketPath = await options.listen(directory);
  const identity = {
    id: randomBytes(16).toString('hex'),
    directory: directory.identity,
    process: await ownRecord(),
  };
  const file = await claimNumber(directory.path, number, writeRecord(identity, socketPath));
  if (file === undefined) return undefined;
  const lock = new HeldLock(directory.path, number, identity, file);
  try {
    if ((await lockNumbers(directory.path))[0] === number) {
      await removeLowerLocks(directory, number);
      return lock;
    }
    await lock.release();
    await options.unlisten();
    return undefined;
  } catch (error) {
    await lock.release();
    throw error;
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

function otherVersion(stateDir: string, { pid, protocol, startedAt }: OwnerRecord): SidecarError {
  return new SidecarError(
    'state-locked',
    `The process ${pid} owns the state directory ${stateDir} and is another version of fluorite-flake, which this one cannot share it with (protocol ${protocol} there, ${SHARING_PROTOCOL} here). End it, use the same version, or use another --state-dir.`,
    { data: { pid, stateDir, startedAt, protocol } },
  );
}
