import { accessSync, constants, statSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { execa } from 'execa';
import { judgeAfter } from '../src/lib/time.js';
import type { ExitStatus, LaunchOptions } from './contract.js';
import { Failure } from './failure.js';
import type { CliCommand } from './resolve-cli.js';
import { StderrLines } from './stderr-lines.js';

/** How long the pipes of an ended child may stay open (a grandchild holds them) before they are given up. */
const LINGER_MS = 250;

/** One spawned CLI. */
export interface Child {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves once: the child has ended and its last output was read. */
  readonly ended: Promise<ExitStatus>;
  /** Resolves once, when every process has ended that the child started to serve the account. */
  readonly familyEnded: Promise<void>;
  /** The last of what it wrote to stderr. */
  stderrTail(): string;
  signal(signal: 'SIGTERM' | 'SIGKILL'): void;
}

/**
 * Spawns `cli ipc`, with the token on an inherited pipe: never on argv, never in the environment.
 * @throws Failure `start-failed`
 */
export async function spawnChild(
  cli: CliCommand,
  options: LaunchOptions,
  onStderr: (text: string) => void,
): Promise<Child> {
  const subprocess = execa(
    cli.file,
    [...cli.args, 'ipc', '--auth-fd', '3', '--alive-fd', '4', ...options.args],
    {
      cwd: options.cwd,
      env: options.env,
      extendEnv: false,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
      // The streams are read here; execa would keep all of them.
      buffer: false,
      encoding: 'buffer',
      reject: false,
      stripFinalNewline: false,
      windowsHide: true,
    },
  );
  // The result's promise is not used: it waits for the pipes, and its errors hold argv. Failures to spawn come below.
  void subprocess.catch(() => undefined);
  const { pid } = subprocess;
  if (pid === undefined) throw await spawnError(subprocess, cli.file, options.cwd);

  const stderr = new StderrLines(options.forwardStderr ? onStderr : undefined);
  subprocess.stderr.on('data', (chunk: Buffer) => stderr.push(chunk)).once('close', () => stderr.end());
  const ended = new Promise<ExitStatus>((resolve) => {
    subprocess.once('exit', (code, signal) => {
      const status = { code, signal };
      const timer = judgeAfter(LINGER_MS, () => {
        subprocess.stdout.destroy();
        subprocess.stderr.destroy();
        resolve(status);
      });
      void Promise.all([closed(subprocess.stdout), closed(subprocess.stderr)]).then(() => {
        timer.clear();
        resolve(status);
      });
    });
  });
  // A child that is gone already breaks these pipes; its exit tells all there is to tell.
  subprocess.stdin.on('error', () => undefined);
  const tokenPipe = subprocess.stdio[3] as unknown as Writable;
  tokenPipe.on('error', () => undefined);
  tokenPipe.end(options.authToken);
  // Whoever the child hands its end to keeps this one open, and nobody writes to it.
  const alive = subprocess.stdio[4] as unknown as Readable;
  const familyEnded = closed(alive.on('error', () => undefined).resume());
  return {
    pid,
    familyEnded,
    stdin: subprocess.stdin,
    stdout: subprocess.stdout,
    ended,
    stderrTail: () => stderr.tail,
    signal: (signal) => void subprocess.kill(signal),
  };
}

function closed(stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once('close', resolve);
  });
}

async function spawnError(
  subprocess: PromiseLike<{ cause?: unknown }>,
  file: string,
  cwd: string | undefined,
): Promise<Failure> {
  const { cause } = await subprocess;
  const errno = (cause as NodeJS.ErrnoException | undefined)?.code ?? 'unknown';
  const data = { cliPath: file, errno };
  // The system says the same of a folder that is not there as of a program that is not.
  const culprit = cwd === undefined ? undefined : unusableFolder(cwd);
  if (culprit !== undefined) {
    return new Failure('start-failed', `The CLI could not be started: its working directory ${culprit}.`, {
      ...data,
      cwd,
    });
  }
  const where = cwd === undefined ? '' : ` in ${cwd}`;
  return new Failure('start-failed', `The CLI ${file} could not be started${where}: ${errno}.`, data);
}

/** What is wrong with a folder that a process is to run in, if anything. */
function unusableFolder(path: string): string | undefined {
  try {
    if (!statSync(path).isDirectory()) return `${path} is no folder`;
    accessSync(path, constants.X_OK);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? `${path} does not exist` : `${path} cannot be used (${code})`;
  }
}
