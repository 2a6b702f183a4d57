// Runs every test file (or those whose path contains one of the arguments) with node:test through tsx, in a
// temporary folder of its own, and fails when a process or a file of the run is left behind.
// `--products` runs test/products alone, which needs packages of its own; nothing else runs what is there.
// `--long` runs test/long with full counts, its `.long.ts` files too; without it what is there does a tenth (FF_TEST_SCALE).
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const long = process.argv.includes('--long');
const products = process.argv.includes('--products');
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));

const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter(
    (file) =>
      (file.endsWith('.test.ts') || (long && file.endsWith('.long.ts'))) && !file.includes('node_modules'),
  )
  .map((file) => relative(root, join(root, 'test', file)))
  .filter((file) => !long || file.startsWith(join('test', 'long')))
  .filter((file) => file.startsWith(join('test', 'products')) === products)
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort();
if (files.length === 0) throw new Error(`No test file matches ${wanted.join(', ')}.`);

// Short: the sockets of the local account live below it, and their paths are limited to about 100 bytes.
const scratch = mkdtempSync(join(tmpdir(), 'ff-'));
const temporary = join(scratch, 't');
mkdirSync(temporary);

// Nothing of the user's own reaches a test: no credentials, no account, no state.
const inherited = Object.entries(process.env).filter(
  ([name]) => !/^(CLOUDFLARE_|FLUORITE_FLAKE_|XDG_|NODE_OPTIONS$)/.test(name),
);
const env = {
  ...Object.fromEntries(inherited),
  TMPDIR: temporary,
  FLUORITE_FLAKE_HOME: join(scratch, 'home'),
  FF_TEST_SCALE: process.env.FF_TEST_SCALE ?? (long ? '1' : '0.1'),
  FF_TEST_FIGURES: join(scratch, 'figures'),
};

const runner = spawn(
  process.execPath,
  ['--import', 'tsx', '--test', `--test-concurrency=${long ? 1 : 2}`, ...files],
  {
    cwd: root,
    env,
    stdio: 'inherit',
  },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => runner.kill(signal));
const code = await new Promise((resolve) => runner.once('close', (status) => resolve(status ?? 1)));

printFigures(env.FF_TEST_FIGURES);
const survivors = processesOf(scratch);
for (const { pid, command } of survivors) {
  console.error(`left behind: process ${pid}: ${command}`);
  process.kill(pid, 'SIGKILL');
}
rmSync(scratch, { recursive: true, force: true });
process.exit(survivors.length > 0 ? 1 : code);

/** What the tests measured, each against its goal: lines of JSON that test/support/figures.ts wrote. */
function printFigures(file) {
  if (!existsSync(file)) return;
  const figures = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const width = (key) => Math.max(...figures.map((figure) => figure[key].length));
  for (const { test, goal, reached } of [{ test: 'test', goal: 'goal', reached: 'reached' }, ...figures]) {
    console.log(`${test.padEnd(width('test'))}  ${goal.padEnd(width('goal'))}  ${reached}`);
  }
}

/** The processes that name the folder in their arguments or environment; Linux only. */
function processesOf(folder) {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        return command.includes(folder) || environment.includes(folder)
          ? [{ pid: Number(pid), command }]
          : [];
      } catch (error) {
        // Ended meanwhile, or another user's.
        if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(error.code)) return [];
        throw error;
      }
    });
}
