import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const NAMES = [
  'access',
  'chmod',
  'copyFile',
  'link',
  'lstat',
  'mkdir',
  'mkdtemp',
  'open',
  'readFile',
  'readdir',
  'readlink',
  'realpath',
  'rename',
  'rm',
  'rmdir',
  'stat',
  'unlink',
  'writeFile',
] as const;
const HANDLE_NAMES = ['write', 'writeFile', 'sync', 'datasync', 'close', 'chmod', 'stat'] as const;
/** Of the callback API, which libraries use. */
const CALLBACK_NAMES = [
  'open',
  'write',
  'fsync',
  'close',
  'rename',
  'chmod',
  'stat',
  'realpath',
  'unlink',
] as const;

type Anything = (...args: never[]) => unknown;

/**
 * Runs `work` while the `nth` file operation of this process fails with `errno`.
 * @returns whether one did, what `work` rejected with, and how many operations there were
 */
export async function failingNth(
  nth: number,
  errno: string,
  work: () => Promise<void>,
): Promise<{ failed: boolean; outcome: unknown; count: number }> {
  const fail = (name: string) => {
    throw Object.assign(new Error(`${errno}: injected, ${name}`), { code: errno });
  };
  const { reached, ...rest } = await beforeNth(nth, fail, work);
  return { failed: reached, ...rest };
}

/**
 * Runs `work` and calls `act` in front of the `nth` file operation of this process. What it throws, that operation fails
 * with. Those of `act` itself are not counted when it is synchronous.
 * @returns whether it came to that, what `work` rejected with, and how many operations there were
 */
export async function beforeNth(
  nth: number,
  act: (name: string) => void,
  work: () => Promise<void>,
): Promise<{ reached: boolean; outcome: unknown; count: number }> {
  let count = 0;
  const restore: (() => void)[] = [];
  const replace = (target: object, name: string, make: (real: Anything) => Anything) => {
    const methods = target as Record<string, Anything>;
    const real = methods[name] as Anything;
    methods[name] = make(real);
    restore.push(() => {
      methods[name] = real;
    });
  };
  const promised =
    (owner: object, name: string) =>
    (real: Anything) =>
    async (...args: never[]) => {
      if (++count === nth) {
        // As the system does: the descriptor is gone even when its last flush fails.
        if (name === 'handle.close') await real.apply(owner, args);
        act(name);
        if (name === 'handle.close') return;
      }
      const result = await real.apply(owner, args);
      if (name === 'open') wrapHandle(result as object);
      return result;
    };
  const wrapHandle = (handle: object) => {
    for (const name of HANDLE_NAMES) replace(handle, name, promised(handle, `handle.${name}`));
  };
  for (const name of NAMES) replace(fs.promises, name, promised(fs.promises, name));
  for (const name of CALLBACK_NAMES) {
    replace(fs, name, (real) => (...args: never[]) => {
      try {
        if (++count === nth) act(name);
      } catch (error) {
        const callback = args.at(-1) as unknown as (error: unknown) => void;
        setImmediate(() => callback(error));
        return;
      }
      return real.apply(fs, args);
    });
  }
  syncBuiltinESMExports();
  try {
    const outcome = await work().then(
      () => undefined,
      (error: unknown) => error,
    );
    return { reached: count >= nth, outcome, count };
  } finally {
    for (const undo of restore.reverse()) undo();
    syncBuiltinESMExports();
  }
}
