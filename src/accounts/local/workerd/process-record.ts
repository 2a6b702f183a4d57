import { readFile, readlink } from 'node:fs/promises';

/**
 * Which process something belongs to. A pid alone may have been given to another process, and means nothing in a
 * container with pids of its own. What needs /proc is absent where there is none.
 */
export interface ProcessRecord {
  pid: number;
  /** When it started, in the kernel's ticks since boot. */
  started?: string;
  pidNamespace?: string;
  bootId?: string;
}

/** What can be told of a recorded process from here: `unknown` where its pid cannot be tied to one process. */
export type Fate = 'alive' | 'dead' | 'unknown';

/** No system gives higher pids; 0 and below would name process groups. */
const MAX_PID = 2 ** 31 - 1;
const MAX_TEXT = 100;

/** This process's record. */
export async function ownRecord(): Promise<ProcessRecord> {
  const started = (await statFields(process.pid))?.[START_TIME];
  return { pid: process.pid, ...(started !== undefined && { started }), ...(await surroundings()) };
}

/** A record as it was read from somewhere; undefined when it is none. */
export function parseProcessRecord(value: unknown): ProcessRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { pid, started, pidNamespace, bootId } = value as Record<string, unknown>;
  if (!isPid(pid) || ![started, pidNamespace, bootId].every(isShortText)) return undefined;
  return { pid, started, pidNamespace, bootId } as ProcessRecord;
}

export function isPid(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) <= MAX_PID;
}

/** Whether the process of a record lives. Nothing is sent to it. */
export async function fateOf(record: ProcessRecord): Promise<Fate> {
  const here = await surroundings();
  if (record.pidNamespace !== here.pidNamespace || record.bootId !== here.bootId) return 'unknown';
  if (!(await isAlive(record.pid))) return 'dead';
  const started = (await statFields(record.pid))?.[START_TIME];
  if (started === undefined || record.started === undefined) return 'unknown';
  return started === record.started ? 'alive' : 'dead';
}

/** Whether it ran before this machine was started the last time. */
export async function isOfAnotherBoot(record: ProcessRecord): Promise<boolean> {
  const { bootId } = await surroundings();
  return bootId !== undefined && record.bootId !== undefined && record.bootId !== bootId;
}

/** Whether a process of this pid runs. A zombie does not: where nobody reaps, it may stay for ever. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
  return (await statFields(pid))?.[STATE] !== 'Z';
}

/** The processor time a process has taken so far; undefined where that cannot be read. */
export async function cpuTimeMs(pid: number | undefined): Promise<number | undefined> {
  const fields = pid === undefined ? undefined : await statFields(pid);
  // In ticks of 10 ms, on every Linux.
  return fields && (Number(fields[USER_TIME]) + Number(fields[SYSTEM_TIME])) * 10;
}

/** Places among the fields of /proc/PID/stat that follow the name. */
const STATE = 0;
const USER_TIME = 11;
const SYSTEM_TIME = 12;
const START_TIME = 19;

async function statFields(pid: number): Promise<string[] | undefined> {
  const stat = await orAbsent(readFile(`/proc/${pid}/stat`, 'utf8'));
  // The name, in brackets, may hold anything.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

async function surroundings(): Promise<Pick<ProcessRecord, 'pidNamespace' | 'bootId'>> {
  const [pidNamespace, bootId] = await Promise.all([
    orAbsent(readlink('/proc/self/ns/pid')),
    orAbsent(readFile('/proc/sys/kernel/random/boot_id', 'utf8')),
  ]);
  return { pidNamespace, bootId: bootId?.trim() };
}

async function orAbsent<T>(read: Promise<T>): Promise<T | undefined> {
  return await read.catch(() => undefined);
}

function isShortText(value: unknown): boolean {
  return value === undefined || (typeof value === 'string' && value.length <= MAX_TEXT);
}
