import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { LastLines } from '../lib/last-lines.js';
import { judgeAfter } from '../lib/time.js';
import { WholeLines } from '../lib/whole-lines.js';
import { SidecarError } from '../protocol/index.js';
import { throwIfCancelled } from './esbuild-service.js';
import { killProcessGroup } from './kill-process-group.js';
import type { PrepareContext } from './prepare-upload.js';
import { programEnvironment } from './run-program.js';

/** How long a project's own build may take. */
export const BUILD_TIMEOUT_MS = 300_000;
const KEPT_LINES = 20;
const KEPT_CHARS = 16 * 1024;

/**
 * Runs `build.command` of a configuration as wrangler does: by the shell, in `build.cwd`. It is the user's own command,
 * from the project that the user asked to deploy, and may do whatever the user may. Each line it prints is told as
 * progress. Cancelled or too late, it is ended with everything it started.
 * @throws SidecarError `command-failed` with the last lines it printed; `cancelled`.
 */
export async function runCustomBuild(
  { command, cwd }: { command: string; cwd: string },
  { signal, progress }: PrepareContext,
  timeoutMs: number = BUILD_TIMEOUT_MS,
): Promise<void> {
  throwIfCancelled(signal);
  progress({ message: `Running the project's build: ${command}` });
  const last = new LastLines(KEPT_LINES, KEPT_CHARS);
  const keep = (line: string) => {
    last.push(line);
    progress({ message: line });
  };
  const late = new AbortController();
  const timer = judgeAfter(timeoutMs, () => late.abort());
  const exit = await run(command, cwd, AbortSignal.any([signal, late.signal]), keep);
  timer.clear();
  throwIfCancelled(signal);
  if (late.signal.aborted)
    throw failed(command, `it took longer than ${timeoutMs / 1000} s and was ended`, last);
  if (exit.code !== 0) throw failed(command, reason(exit), last, exit);
}

/** The tools of the project first, as for its npm scripts. */
function withLocalPrograms(env: NodeJS.ProcessEnv, cwd: string): NodeJS.ProcessEnv {
  const name = Object.keys(env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH';
  const folders: string[] = [];
  for (let folder = cwd; ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', '.bin');
    if (isTrusted(path)) folders.push(path);
    if (dirname(folder) === folder) break;
  }
  return { ...env, [name]: [...folders, env[name]].filter(Boolean).join(delimiter) };
}

/** Whether it is there and this user's or root's own: a folder above may belong to somebody else. */
function isTrusted(path: string): boolean {
  try {
    const uid = process.getuid?.();
    const owner = statSync(path).uid;
    return uid === undefined || owner === uid || owner === 0;
  } catch {
    return false; // Nothing can be run of what cannot be looked at.
  }
}

interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  error?: Error;
}

function run(
  command: string,
  cwd: string,
  signal: AbortSignal,
  onLine: (line: string) => void,
): Promise<Exit> {
  return new Promise((resolve) => {
    const child = spawn(command, {
      cwd,
      shell: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...withLocalPrograms(programEnvironment(), cwd), WRANGLER_COMMAND: 'deploy' },
      // A process group of its own, so that what the shell starts can be ended with it.
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    const end = () => killProcessGroup(child);
    signal.addEventListener('abort', end, { once: true });
    const settle = (exit: Exit) => {
      signal.removeEventListener('abort', end);
      resolve(exit);
    };
    for (const stream of [child.stdout, child.stderr]) {
      const lines = new WholeLines((complete) => complete.forEach(onLine));
      stream.on('data', (chunk: Buffer) => lines.push(chunk)).once('end', () => lines.end());
    }
    child.once('error', (error) => settle({ code: null, signal: null, error }));
    // Not `exit`: the last lines may still be on their way.
    child.once('close', (code, killedBy) => settle({ code, signal: killedBy }));
  });
}

function reason({ code, signal, error }: Exit): string {
  if (error) return error.message;
  return signal ? `it was ended by ${signal}` : `it ended with exit code ${code}`;
}

function failed(command: string, why: string, printed: LastLines, exit?: Exit): SidecarError {
  const last = printed.quotable;
  return new SidecarError(
    'command-failed',
    `The project's build \`${command}\` failed: ${why}.${last ? ` Its last line: ${last}` : ''} Nothing was deployed.`,
    { data: { command, exitCode: exit?.code, stderr: printed.all.join('\n') }, cause: exit?.error },
  );
}
