import { readFileSync, readlinkSync } from 'node:fs';

/**
 * Whether a process runs. A zombie does not, nor does one on its way out: the kernel takes its memory before it closes
 * its files, so that whoever waits for those may be a moment early.
 */
export function isRunning(pid: number): boolean {
  try {
    readlinkSync(`/proc/${pid}/exe`);
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/[ZX]/.test(stat[stat.lastIndexOf(')') + 2] ?? 'Z');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}
