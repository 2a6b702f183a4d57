import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Ends a child that leads a process group, and everything in the group: on Windows, which has no groups, the child's
 * whole tree. Can be called twice.
 */
export function killProcessGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  if (process.platform === 'win32') {
    // Whether it worked shows at the child: its end is what the caller waits for.
    spawn('taskkill', ['/pid', String(pid), '/T', '/F'], { stdio: 'ignore' }).once('error', () => {});
    return;
  }
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
