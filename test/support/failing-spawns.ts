import { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';

/** Node's binding of a process: its `spawn` returns 0, or an errno negated, as the system call had it. */
interface ProcessBinding {
  spawn(options: { file: string; args: string[] }): number;
}

/** What a failing fork, a missing or unreadable program and a full table of descriptors come to. */
export const SPAWN_ERRNOS = ['EAGAIN', 'EMFILE', 'ENOMEM', 'ENOENT', 'EACCES'] as const;
export type SpawnErrno = (typeof SPAWN_ERRNOS)[number];

const NOT_THERE = '/dev/null/not-there';

/**
 * The `nth` spawn of this thread from now on fails with `errno`, below Node's own code for it, which is not the same for
 * all: some are thrown, some are told later, and some leave a child without pipes.
 * @returns the programs that were spawned, and the way back
 */
export function failNthSpawn(nth: number, errno: SpawnErrno): { spawned: string[]; restore(): void } {
  // One prototype for every child of this thread.
  const { _handle: handle } = new (ChildProcess as unknown as new () => { _handle: ProcessBinding })();
  const binding = Object.getPrototypeOf(handle) as ProcessBinding;
  const { spawn } = binding;
  const spawned: string[] = [];
  binding.spawn = function (options) {
    spawned.push(options.file);
    if (spawned.length !== nth) return spawn.call(this, options);
    // Without descriptors there are no pipes either; every other failure leaves pipes that end at once.
    if (errno !== 'EMFILE') spawn.call(this, { ...options, file: NOT_THERE });
    return -constants.errno[errno];
  };
  return {
    spawned,
    restore: () => {
      binding.spawn = spawn;
    },
  };
}
