import type { Options } from 'execa';
import { judgeAfter } from '../lib/time.js';
import { killProcessGroup } from '../project/kill-process-group.js';

export interface Question {
  env: NodeJS.ProcessEnv;
  timeoutMs: number;
  cwd?: string;
  /** What the program reads from stdin; nothing by default. */
  input?: string;
  /** Ends the program and everything it started. */
  signal?: AbortSignal;
}

/** What a program answered. Its text may be a secret: never shown, never part of an error. */
export type Answer =
  | { end: 'exit'; code: number; stdout: string; stderr: string }
  | { end: 'timeout' | 'cancelled' }
  /** It could not be started, was ended by a signal, or answered with too much. */
  | { end: 'failed' };

/** An answer is one token or key. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** Runs a program that answers on stdout. It never rejects, and its time is bounded whatever the program does. */
export async function askProgram(
  program: string,
  args: readonly string[],
  { env, timeoutMs, cwd, input, signal }: Question,
): Promise<Answer> {
  if (signal?.aborted) return { end: 'cancelled' };
  const { execa } = await import('execa');
  const options = {
    env,
    cwd,
    extendEnv: false,
    reject: false,
    maxBuffer: MAX_ANSWER_BYTES,
    windowsHide: true,
    // A group of its own: what a script starts is ended with it, and would otherwise hold its stdout open.
    detached: process.platform !== 'win32',
    ...(input === undefined ? { stdin: 'ignore' } : { input }),
  } as const satisfies Options;
  const child = execa(program, args, options);
  const answered = child.then((result): Answer => {
    const { exitCode: code, stdout, stderr, isMaxBuffer } = result;
    if (isMaxBuffer || code === undefined) return { end: 'failed' };
    return { end: 'exit', code, stdout: String(stdout), stderr: String(stderr) };
  });
  return await endedInTime(answered, timeoutMs, signal, () => {
    killProcessGroup(child);
    // Whatever left the group may hold them open for ever.
    child.stdout.destroy();
    child.stderr.destroy();
  });
}

function endedInTime(
  answered: Promise<Answer>,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  kill: () => void,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const end = (why: 'timeout' | 'cancelled') => {
      resolve({ end: why });
      kill();
    };
    const onAbort = () => end('cancelled');
    const timer = judgeAfter(timeoutMs, () => end('timeout'));
    signal?.addEventListener('abort', onAbort, { once: true });
    answered.then(resolve, reject).finally(() => {
      timer.clear();
      signal?.removeEventListener('abort', onAbort);
    });
  });
}
