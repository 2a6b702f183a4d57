import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { HANG_MS } from '../support/until.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const BUILT = `${root}dist/src/cli.cjs`;
/** What is published where it is built; the sources start 400 ms later. */
export const isBuilt = existsSync(BUILT);
const CLI = isBuilt ? [BUILT] : ['--import', 'tsx', `${root}src/cli.ts`];

export interface CliResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  cwd?: string;
  input?: string | Uint8Array;
  env?: Record<string, string>;
}

export function startCli(args: readonly string[], { cwd, env }: CliOptions = {}): ChildProcess {
  return spawn(process.execPath, [...CLI, ...args], {
    // The sources need tsx, which is found from here.
    cwd: CLI.length > 1 ? root : cwd,
    env: { ...withoutCredentials(), ...env },
    stdio: 'pipe',
  });
}

/** Runs the CLI to its end. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = startCli(args, options);
  child.stdin?.end(options.input ?? '');
  return resultOf(child);
}

export function resultOf(child: ChildProcess): Promise<CliResult> {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  // A command that hangs fails its test instead of the whole run.
  const deadline = setTimeout(() => child.kill('SIGKILL'), HANG_MS);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(deadline);
      resolve({ code, signal, ...output });
    });
  });
}

function withoutCredentials(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CLOUDFLARE_')));
}
