import { readFile, readlink } from 'node:fs/promises';

/**
 * Which process something belongs to, so that it can be told later whether that one lives: a pid alone may have been
 * given to another process, and means nothing in a container with pids of its own. Absent where there is no /proc.
 */
interface ProcessRecord {
  pid: number;
  /** When it started, in the kernel's ticks since boot. */
  started?: string;
  pidNamespace?: string;
  bootId?: string;
}

/** This process's record, as text. */
export async function ownRecord(): Promise<string> {
  const record: ProcessRecord = {
    pid: process.pid,
    started: (await statFields(process.pid))?.[START_TIME],
    ...(await surroundings()),
  };
  return JSON.stringify(record);
}

/** Whether the process of a record is gone for sure: false where that cannot be told from here. */
export async function isProvenDead(text: string): Promise<boolean> {
  const record = parseRecord(text);
  if (record === undefined) return false;
  const here = await surroundings();
  if (record.pidNamespace !== here.pidNamespace || record.bootId !== here.bootId) return false;
  if (!(await isAlive(record.pid))) return true;
  const started = (await statFields(record.pid))?.[START_TIME];
  return started !== undefined && record.started !== undefined && started !== record.started;
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
  return { pidNamespace, bootId };
}

async function orAbsent<T>(read: Promise<T>): Promise<T | undefined> {
  return await read.catch(() => undefined);
}

function parseRecord(text: string): ProcessRecord | undefined {
  try {
    const record = JSON.parse(text) as Partial<ProcessRecord> | null;
    // The pid of a torn record proves nothing; 0 and below would name process groups.
    return Number.isInteger(record?.pid) && Number(record?.pid) > 0 ? (record as ProcessRecord) : undefined;
  } catch {
    return undefined;
  }
}
