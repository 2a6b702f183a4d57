import { readFileSync } from 'node:fs';

/** What a process does: `stopped` by a signal or debugger, `running` or waiting for a disk, or `waiting`. */
export interface ProcessActivity {
  state: 'stopped' | 'running' | 'waiting';
  /** CPU time it has used so far, in ticks of 10 ms. */
  cpuTicks: number;
}

/** What the kernel says of a process; undefined where it does not say (no Linux), or when the process has gone. */
export async function processActivity(pid: number): Promise<ProcessActivity | undefined> {
  if (process.platform !== 'linux') return undefined;
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
