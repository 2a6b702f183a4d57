import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endChild } from '../peers/child.js';
import { readLines } from '../peers/lines.js';
import { type LocalTaskAccount, makeFolders, prepareAccount } from './account.js';
import { keepAsking } from './keep-asking.js';
import { type Tasks, WORKER } from './tasks.js';

const CLI = fileURLToPath(new URL('dist/src/cli.cjs', import.meta.resolve('fluorite-flake/package.json')));
const WRANGLER = join(
  dirname(createRequire(import.meta.url).resolve('wrangler/package.json')),
  'bin/wrangler.js',
);

interface Command {
  script: string;
  args: string[];
}

/** How a tool is called for each task, and how its answers are read. */
interface Tool {
  list: Command;
  deploy: Command;
  tail: Command;
  bucketNames(stdout: string): string[];
}

const wrangler: Tool = {
  list: { script: WRANGLER, args: ['r2', 'bucket', 'list'] },
  deploy: { script: WRANGLER, args: ['deploy'] },
  tail: { script: WRANGLER, args: ['tail', WORKER, '--format', 'json'] },
  bucketNames: (stdout) => [...stdout.matchAll(/^name: +(\S+)/gm)].map(([, name = '']) => name),
};

/** wrangler, started anew for each task. Its requests go to the local account over a unix socket. */
export function wranglerTasks(): Promise<Tasks> {
  return commandTasks(() => wrangler);
}

/** This package's own CLI, started anew for each task beside a process that runs the account. */
export function cliTasks(): Promise<Tasks> {
  return commandTasks((stateDir) => {
    const own = (...args: string[]): Command => ({
      script: CLI,
      args: [...args, '--json', '--account', 'local', '--state-dir', stateDir],
    });
    return {
      list: own('r2', 'bucket', 'list'),
      deploy: own('deploy'),
      tail: own('tail', WORKER),
      bucketNames: (stdout) => (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name),
    };
  });
}

async function commandTasks(toolOf: (stateDir: string) => Tool): Promise<Tasks> {
  const folders = await makeFolders();
  const server = await serveAccount(folders.stateDir, join(folders.folder, 'api.sock')).catch(
    async (error) => {
      await rm(folders.folder, { recursive: true, force: true });
      throw error;
    },
  );
  const account = await prepareAccount(folders).catch(async (error) => {
    await endServer(server.child);
    throw error;
  });
  const tool = toolOf(account.stateDir);
  const start = (command: Command) => startCommand(command, account, server.env);
  return {
    account,
    listBuckets: async () => tool.bucketNames(await outputOf(start(tool.list), tool.list)),
    deploy: async () => void (await outputOf(start(tool.deploy), tool.deploy)),
    firstTailLine: () => firstEvent(start(tool.tail), account),
    async close() {
      await account.sidecar.stop();
      await endServer(server.child);
      await account.remove();
    },
  };
}

/** The process that runs the account all the while, as an app would: nobody has to start workerd for a task. */
async function serveAccount(stateDir: string, socket: string) {
  const args = ['local', 'api', '--socket', socket, '--json', '--state-dir', stateDir];
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  // It serves until it is told otherwise, also when this process ends by an error.
  process.once('exit', () => child.kill('SIGTERM'));
  const line = await new Promise<string>((resolve, reject) => {
    readLines(child.stdout, resolve);
    child.once('exit', (code) => reject(new Error(`\`local api\` ended with ${code}.`)));
  });
  return { child, env: (JSON.parse(line) as { env: Record<string, string> }).env };
}

async function endServer(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  await endChild(child);
}

function startCommand(
  { script, args }: Command,
  { folder, project }: LocalTaskAccount,
  env: Record<string, string>,
): ChildProcess {
  return spawn(process.execPath, [script, ...args], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      TMPDIR: process.env.TMPDIR,
      HOME: join(folder, 'home'),
      XDG_CONFIG_HOME: join(folder, 'home/config'),
      CI: '1',
      NO_COLOR: '1',
      // wrangler is not to look for a newer version or to report: neither is part of the task.
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_SEND_ERROR_REPORTS: 'false',
      WRANGLER_HIDE_BANNER: 'true',
      ...(script === WRANGLER ? env : {}),
    },
  });
}

/** Standard output of a command that must succeed. */
async function outputOf(child: ChildProcess, { script, args }: Command): Promise<string> {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === 0) return output.stdout;
  throw new Error(`${script} ${args.join(' ')} ended with ${code}:\n${output.stdout}\n${output.stderr}`);
}

/** The first whole JSON value that `child` prints, on one line or on many. */
async function firstEvent(child: ChildProcess, account: LocalTaskAccount): Promise<{ scriptName: unknown }> {
  const asking = keepAsking(account.ask);
  try {
    return await new Promise((resolve, reject) => {
      let output = '';
      let errors = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        errors += text;
      });
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        const event = /^\{.+\}$|^\{$[\s\S]*?^\}$/m.exec(output)?.[0];
        if (event !== undefined) resolve(JSON.parse(event) as { scriptName: unknown });
      });
      child.once('exit', (code) => reject(new Error(`The tail ended with ${code}: ${errors}`)));
    });
  } finally {
    asking.stop();
    child.kill('SIGTERM');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
}
