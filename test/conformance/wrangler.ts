import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { LOCAL_ACCOUNT_ID } from '../../src/accounts/local/identity.js';
import { HANG_MS } from '../support/until.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** What bin/wrangler.js starts as a child of its own, with these options: one process is easier to end than two. */
const OPTIONS = ['--no-warnings', '--experimental-vm-modules'];

/** A wrangler, and the Node that it runs on. */
export interface WranglerProgram {
  node: string;
  /** The `node_modules` that has it. */
  modules: string;
  /** Whether a deploy uploads before it asks for the account's workers.dev subdomain. */
  uploadsFirst: boolean;
}

/** The one among the project's own packages: the newest for Node 20. */
export const OWN_WRANGLER: WranglerProgram = {
  node: process.execPath,
  modules: join(root, 'node_modules'),
  uploadsFirst: true,
};

export interface WranglerResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Wrangler {
  /** The project's folder, wrangler's working directory. */
  readonly project: string;
  write(files: Record<string, string>): Promise<void>;
  start(args: readonly string[]): ChildProcess;
  /** Runs a command to its end and returns its standard output. @throws when it fails */
  run(args: readonly string[], input?: string): Promise<string>;
  /** The same, whatever its exit code. */
  attempt(args: readonly string[], input?: string): Promise<WranglerResult>;
}

/**
 * The real wrangler with a home and a project folder of its own, whose requests to API v4 go over a unix socket.
 * Nothing of it reaches a network.
 */
export async function createWrangler(
  t: { after(clean: () => Promise<void>): void },
  socketPath: string,
  program: WranglerProgram = OWN_WRANGLER,
): Promise<Wrangler> {
  const folder = await mkdtemp(join(tmpdir(), 'ff-wr-'));
  const running = new Set<ChildProcess>();
  t.after(async () => {
    for (const child of running) child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  const preload = join(folder, 'socket-preload.mjs');
  await build({
    entryPoints: [join(root, 'src/socket-preload.ts')],
    outfile: preload,
    format: 'esm',
    platform: 'node',
  });
  const project = join(folder, 'project');
  const env = {
    PATH: process.env.PATH,
    TMPDIR: process.env.TMPDIR,
    HOME: join(folder, 'home'),
    XDG_CONFIG_HOME: join(folder, 'home/config'),
    CI: '1',
    NO_COLOR: '1',
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_SEND_ERROR_REPORTS: 'false',
    WRANGLER_HIDE_BANNER: 'true',
    CLOUDFLARE_API_BASE_URL: 'http://fluorite-flake.invalid/client/v4',
    CLOUDFLARE_API_TOKEN: 'local',
    CLOUDFLARE_ACCOUNT_ID: LOCAL_ACCOUNT_ID,
    FLUORITE_FLAKE_API_SOCKET: socketPath,
    // Node 22 and later start a quarter of a second faster with it.
    NODE_COMPILE_CACHE: join(folder, 'cache'),
    NODE_OPTIONS: `--import=${preload}`,
  };
  const start = (args: readonly string[]) => {
    const cli = join(program.modules, 'wrangler/wrangler-dist/cli.js');
    const child = spawn(program.node, [...OPTIONS, cli, ...args], { cwd: project, env, stdio: 'pipe' });
    running.add(child);
    child.once('close', () => running.delete(child));
    return child;
  };
  const attempt = async (args: readonly string[], input = '') => {
    const child = start(args);
    child.stdin?.on('error', () => {}).end(input);
    return outcomeOf(child);
  };
  const write = async (files: Record<string, string>) => {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(project, name)), { recursive: true });
      await writeFile(join(project, name), text);
    }
  };
  await mkdir(project);
  return {
    project,
    write,
    start,
    attempt,
    async run(args, input) {
      const { code, stdout, stderr } = await attempt(args, input);
      if (code === 0) return stdout;
      throw new Error(`wrangler ${args.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`);
    },
  };
}

function outcomeOf(child: ChildProcess): Promise<WranglerResult> {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  const deadline = setTimeout(() => child.kill('SIGKILL'), HANG_MS);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(deadline);
      resolve({ code, ...output });
    });
  });
}
