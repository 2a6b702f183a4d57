import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** The built script of a peer's child, beside the built host. */
export function serverFile(name: string): string {
  return join(builtFolder(), 'peers', 'servers', `${name}.js`);
}

/** Set by the build, see build.ts. */
declare const BENCH_BUILT_FOLDER: string;

/** Where the bench's own scripts were built to. Only known inside them. */
export function builtFolder(): string {
  return BENCH_BUILT_FOLDER;
}

export function spawnServer(name: string, options: SpawnOptions = {}): ChildProcess {
  return spawn(process.execPath, [serverFile(name)], { stdio: ['pipe', 'pipe', 'inherit'], ...options });
}

/** The child's pipes, which TypeScript can not know to be there. */
export function pipes(child: ChildProcess) {
  if (!child.stdin || !child.stdout) throw new Error('The child was spawned without pipes.');
  return { stdin: child.stdin, stdout: child.stdout };
}

/** Ends a child that obeys the end of its stdin or a closed IPC channel, and waits until it is gone. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  if (child.connected) child.disconnect();
  child.stdin?.end();
  const timer = setTimeout(() => child.kill('SIGKILL'), 2000);
  await exited;
  clearTimeout(timer);
}
