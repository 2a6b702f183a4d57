import { ExecaError, execa } from 'execa';
import { LastLines } from '../lib/last-lines.js';
import { WholeLines } from '../lib/whole-lines.js';
import { SidecarError } from '../protocol/index.js';
import { throwIfCancelled } from './esbuild-service.js';

const SHOWN_STDERR_LINES = 20;
const SHOWN_STDERR_CHARS = 16 * 1024;

/** What would lead git or a package manager to another folder, or tell it what is not its business. */
const LEFT_OUT_VARIABLES =
  /^(CLOUDFLARE_|FLUORITE_FLAKE_|npm_|GIT_(DIR|WORK_TREE|INDEX_FILE|COMMON_DIR|PREFIX|NAMESPACE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES)$)/;

/**
 * Runs a program in `cwd` to its end, without a shell and without our stdin, stdout and stderr.
 * @throws SidecarError `command-failed` with `data.command`, `data.exitCode` and `data.stderr`; `cancelled`.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  cwd: string,
  signal: AbortSignal,
): Promise<void> {
  throwIfCancelled(signal);
  const env = programEnvironment();
  const printed = new LastLines(SHOWN_STDERR_LINES, SHOWN_STDERR_CHARS);
  try {
    const running = execa(program, args, {
      cwd,
      env,
      extendEnv: false,
      stdin: 'ignore',
      stdout: 'ignore',
      // Its end is all that is shown: execa would keep 100 MB, and kill what prints more.
      buffer: false,
      encoding: 'buffer',
      cancelSignal: signal,
    });
    const lines = new WholeLines((complete) => {
      for (const line of complete) printed.push(line);
    });
    running.stderr?.on('data', (chunk: Buffer) => lines.push(chunk)).once('close', () => lines.end());
    await running;
  } catch (error) {
    throwIfCancelled(signal);
    throw commandFailed(program, args, error, printed);
  }
}

/** This process's environment without what is not for a program that works in the user's project. */
export function programEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !LEFT_OUT_VARIABLES.test(name)));
}

function commandFailed(
  program: string,
  args: readonly string[],
  cause: unknown,
  printed: LastLines,
): SidecarError {
  if (!(cause instanceof ExecaError)) throw cause;
  const command = [program, ...args].join(' ');
  const { exitCode, code } = cause;
  const reason =
    code === 'ENOENT'
      ? `${program} is not installed or not on PATH`
      : printed.quotable || code || 'it failed';
  return new SidecarError('command-failed', `\`${command}\` failed: ${reason}. Nothing was kept.`, {
    data: { command, exitCode, errno: code, stderr: printed.all.join('\n') },
    cause,
  });
}
