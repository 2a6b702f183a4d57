import type { BuildOptions, BuildResult } from 'esbuild';
import { SidecarError } from '../protocol/index.js';

interface InMemory {
  write: false;
  metafile: true;
}

let running = 0;

/**
 * Runs one esbuild build that ends when `signal` aborts. esbuild's child process (stdio pipes, no socket) lives only
 * while builds run: it is loaded at the first one and stopped after the last.
 * @throws esbuild's BuildFailure, or SidecarError `cancelled`.
 */
export async function runEsbuild(
  options: InMemory & BuildOptions,
  signal: AbortSignal,
): Promise<BuildResult<InMemory>> {
  throwIfCancelled(signal);
  const { context, stop } = await import('esbuild');
  running++;
  try {
    const build = await withoutCredentials(() => context<InMemory & BuildOptions>(options));
    const cancel = () => void build.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      throwIfCancelled(signal);
      return await build.rebuild().finally(() => throwIfCancelled(signal));
    } finally {
      signal.removeEventListener('abort', cancel);
      await build.dispose();
    }
  } finally {
    running--;
    if (running === 0) await stop();
  }
}

export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted)
    throw new SidecarError('cancelled', 'The call was cancelled.', { cause: signal.reason });
}

/** esbuild spawns its child inside the call and takes this process's environment; the child needs no credentials. */
function withoutCredentials<T>(spawn: () => T): T {
  const kept = Object.entries(process.env).filter(([name]) => name.startsWith('CLOUDFLARE_'));
  for (const [name] of kept) delete process.env[name];
  try {
    return spawn();
  } finally {
    for (const [name, value] of kept) process.env[name] = value;
  }
}
