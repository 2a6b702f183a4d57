import { readFileSync } from 'node:fs';
import { execa } from 'execa';

/** What a process does: `stopped` by a signal or debugger, `running` or waiting for a disk, or `waiting`. */
export interface ProcessActivity {
  state: 'stopped' | 'running' | 'waiting';
  /** CPU time it has used so far, in ticks of 10 ms. */
  cpuTicks: number;
}

/**
 * What the kernel says of a process; undefined where it does not say, or when the process has gone. Off Linux a process
 * has to be started to ask, which is done only for one that `isOverdue`, and tells only whether it is stopped.
 */
export async function processActivity(pid: number, isOverdue = false): Promise<ProcessActivity | undefined> {
  if (process.platform !== 'linux')
    return isOverdue && (await isStopped(pid)) ? { state: 'stopped', cpuTicks: 0 } : undefined;
  const stat = readStat(pid);
  if (stat === undefined) return undefined;
  // pid (comm) state ppid …; comm may hold spaces and brackets. utime and stime are the fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0] ?? '';
  return {
    state: /[Tt]/.test(state) ? 'stopped' : /[RD]/.test(state) ? 'running' : 'waiting',
    cpuTicks: Number(fields[11]) + Number(fields[12]),
  };
}

/** Read from the kernel's memory: there is nothing to wait for, and the thread is spared `node:fs/promises`. */
function readStat(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    // The process has gone.
    return undefined;
  }
}

/** Whether `ps`, which every Unix has, says that a process is stopped; false where there is none. */
export async function isStopped(pid: number): Promise<boolean> {
  const { stdout } = await execa('ps', ['-o', 'state=', '-p', String(pid)], { reject: false, timeout: 5000 });
  return /^\s*[Tt]/.test(stdout ?? '');
}
