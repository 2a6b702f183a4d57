import { readFileSync } from 'node:fs';

/** Whether a process runs; a zombie does not. Cheaper than a look at all of them. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/[ZX]/.test(stat[stat.lastIndexOf(')') + 2] ?? 'Z');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}
