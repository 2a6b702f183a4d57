import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { SidecarError } from '../../../protocol/index.js';
import { REAPER_SCRIPT } from './reaper.js';
import type { WorkerdProcessOptions } from './workerd-process.js';

/**
 * Starts workerd with the shell that guards it.
 * @throws SidecarError `workerd-failed` when the system has no process or no descriptors left for it.
 */
export async function spawnGuarded(options: WorkerdProcessOptions): Promise<ChildProcess> {
  const { title, folder, rootFolder, setprivPath = '', binaryPath, experimental, aliveFd } = options;
  const args = ['serve', join(folder, 'config.capnp'), 'config', '--control-fd=3'];
  if (experimental) args.push('--experimental');
  try {
    const child = spawn(
      '/bin/sh',
      ['-c', REAPER_SCRIPT, 'sh', folder, rootFolder, setprivPath, binaryPath, ...args],
      {
        // A session of its own: a terminal's Ctrl-C must not end Workers before the host has drained them.
        detached: true,
        stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', ...(aliveFd === undefined ? [] : [aliveFd])],
        env: minimalEnvironment(),
      },
    );
    // Some errors are thrown, the others told a little later.
    if (child.pid === undefined) throw (await once(child, 'error'))[0];
    return child;
  } catch (cause) {
    const { code: errno, message } = cause as NodeJS.ErrnoException;
    throw new SidecarError('workerd-failed', `workerd (${title}) could not be started: ${message}.`, {
      data: { errno },
      cause,
    });
  }
}

/** No secret of the host reaches workerd: what a Worker may know are its bindings. */
function minimalEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { PATH: process.env.PATH ?? '/usr/bin:/bin' };
  for (const name of ['TMPDIR', 'LANG', 'LD_LIBRARY_PATH']) {
    if (process.env[name] !== undefined) env[name] = process.env[name];
  }
  return env;
}
