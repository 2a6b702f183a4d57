import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';

const PROBE_TIMEOUT_MS = 5_000;

/**
 * The path of util-linux's `setpriv`, which starts a program that the kernel kills when the program's parent dies.
 * Linux only; undefined where there is none, or one that cannot do it (busybox has its own without `--pdeathsig`).
 */
export async function findSetpriv(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): Promise<string | undefined> {
  if (platform !== 'linux') return undefined;
  for (const folder of (env.PATH ?? '').split(delimiter).filter(isAbsolute)) {
    const path = join(folder, 'setpriv');
    if ((await isExecutable(path)) && (await worksAt(path))) return path;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function worksAt(path: string): Promise<boolean> {
  try {
    await promisify(execFile)(path, ['--pdeathsig', 'KILL', '/bin/sh', '-c', ':'], {
      env: {},
      timeout: PROBE_TIMEOUT_MS,
    });
    return true;
  } catch {
    return false; // It cannot do it, or the system gave it no process, which some errors of it throw at once.
  }
}
