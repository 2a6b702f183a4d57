import { type FileIdentity, parseIdentity } from './file-identity.js';
import { readSmallFile } from './small-file.js';
import { socketNameIn } from './socket-folder.js';
import { isPid, type ProcessRecord, parseProcessRecord } from './workerd/process-record.js';

/** The version of what processes that share a state directory say to each other and leave in `lock/`. */
export const SHARING_PROTOCOL = 2;

/** Who an owner is, as its lock says it and as it answers itself. */
export interface OwnerIdentity {
  /** Random: 32 hexadecimal digits, new with each ownership. */
  id: string;
  /** The state directory that it owns. */
  directory: FileIdentity;
  process: ProcessRecord;
}

/** What a lock file says about the process that wrote it. */
export interface OwnerRecord {
  protocol: number;
  pid: number;
  /** ISO 8601. */
  startedAt: string;
  /** The name of the socket where it serves the account. */
  socketName: string;
  /** Absent in the record of another protocol. */
  identity?: OwnerIdentity;
}

const MAX_RECORD_BYTES = 4096;
const ID = /^[0-9a-f]{32}$/;
/** The first bytes of a record while it holds and once it was given up, so that one can be written over the other. */
const HELD = '{"released":false';
export const RELEASED = '{"released":true ';

/**
 * The text of a record. `socketPath`, `pid`, `startedAt` and `protocol` are the same in every version: they must be
 * able to tell each other from nobody.
 */
export function writeRecord(identity: OwnerIdentity, socketPath: string): string {
  const record = {
    protocol: SHARING_PROTOCOL,
    socketPath,
    pid: identity.process.pid,
    startedAt: new Date().toISOString(),
    ...identity,
  };
  return `${HELD},${JSON.stringify(record).slice(1)}`;
}

/**
 * The record of a lock file. Undefined when it is gone, was given up, or is none that any version writes: nobody can be
 * found behind it.
 */
export async function readRecord(path: string): Promise<OwnerRecord | undefined> {
  const text = await readSmallFile(path, MAX_RECORD_BYTES);
  return text === undefined || text.startsWith(RELEASED) ? undefined : parseRecord(text);
}

/** The name of the socket in a record, given up or not. */
export async function readSocketName(path: string): Promise<string | undefined> {
  const value = parseJson((await readSmallFile(path, MAX_RECORD_BYTES)) ?? '');
  return socketNameIn((value as { socketPath?: unknown } | null | undefined)?.socketPath);
}

/** An owner's identity as it was read from a lock or a socket; undefined when it is none. */
export function parseOwnerIdentity(value: unknown): OwnerIdentity | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { id, directory, process } = value as Record<string, unknown>;
  const parsed = { directory: parseIdentity(directory), process: parseProcessRecord(process) };
  if (typeof id !== 'string' || !ID.test(id) || !parsed.directory || !parsed.process) return undefined;
  return { id, directory: parsed.directory, process: parsed.process };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parseRecord(text: string): OwnerRecord | undefined {
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null) return undefined;
  const { protocol = 1, socketPath, pid, startedAt } = value as Record<string, unknown>;
  const socketName = socketNameIn(socketPath);
  if (socketName === undefined || !isPid(pid) || !Number.isSafeInteger(protocol)) return undefined;
  const record = { protocol: Number(protocol), socketName, pid, startedAt: asTime(startedAt) };
  if (protocol !== SHARING_PROTOCOL) return record;
  const identity = parseOwnerIdentity(value);
  return identity?.process.pid === pid ? { ...record, identity } : undefined;
}

function asTime(value: unknown): string {
  return typeof value === 'string' && value.length <= 40 ? value : '';
}
