// Synchronous: `node:fs/promises` takes longer to load than all of this to run, and the thread has nothing else to do.
import { accessSync, closeSync, constants, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { delimiter, extname, isAbsolute, join, resolve, sep } from 'node:path';
import { Failure } from './failure.js';

/** What to spawn: a file, and the arguments that go before the CLI's own. */
export interface CliCommand {
  file: string;
  args: string[];
}

const SCRIPT_EXTENSIONS = new Set(['.js', '.mjs', '.cjs']);
/** Windows finds and runs commands by extension; execa does that. */
const WINDOWS = process.platform === 'win32';

/**
 * Finds the CLI: a path (with a separator) as it is, relative to `cwd`, or a name on PATH. A JavaScript file is run by
 * this Node. The file is looked at first, because execvp hands a file without `#!` to a shell.
 * @throws Failure `start-failed`
 */
export async function resolveCli(
  cliPath: string,
  env: Record<string, string>,
  cwd: string,
): Promise<CliCommand> {
  const isPath = cliPath.includes('/') || cliPath.includes(sep) || isAbsolute(cliPath);
  const file = isPath ? resolve(cwd, cliPath) : findOnPath(cliPath, env);
  if (!isPath && WINDOWS) return { file: cliPath, args: [] };
  checkIsFile(file, cliPath);
  const extension = extname(realpathSync(file));
  if (SCRIPT_EXTENSIONS.has(extension)) return { file: process.execPath, args: [file] };
  // The package's own source, run in development; never part of what is published.
  if (extension === '.ts') return { file: process.execPath, args: ['--import', 'tsx', file] };
  if (!WINDOWS) checkIsExecutable(file);
  return { file, args: [] };
}

function findOnPath(name: string, env: Record<string, string>): string {
  if (WINDOWS) return name;
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const folder of folders) {
    const file = join(folder, name);
    if (isExecutable(file)) return file;
  }
  throw new Failure(
    'start-failed',
    `There is no executable ${JSON.stringify(name)} on PATH. Install fluorite-flake globally, or leave \`cliPath\` out to use the package's own CLI.`,
    { cliPath: name, looked: folders },
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    // Not there, or not ours to run: the next folder may have it.
    return false;
  }
}

function checkIsFile(file: string, cliPath: string): void {
  if (!isFile(file, cliPath)) {
    throw new Failure('start-failed', `\`cliPath\` ${file} is not a file.`, { cliPath });
  }
}

function isFile(file: string, cliPath: string): boolean {
  try {
    return statSync(file).isFile();
  } catch (error) {
    throw new Failure(
      'start-failed',
      `\`cliPath\` ${JSON.stringify(cliPath)} cannot be used: ${reasonOf(error as NodeJS.ErrnoException)} at ${file}.`,
      { cliPath },
    );
  }
}

function reasonOf(error: NodeJS.ErrnoException): string {
  return error.code === 'ENOENT' ? 'there is no file' : `${error.code ?? error.message}`;
}

function checkIsExecutable(file: string): void {
  if (!isExecutable(file)) {
    throw new Failure(
      'start-failed',
      `\`cliPath\` ${file} is not executable; \`chmod +x\` it, or name a .js file.`,
      { cliPath: file },
    );
  }
  const head = readHead(file);
  if (head === undefined || isBinary(head) || head.toString('latin1', 0, 2) === '#!') return;
  throw new Failure(
    'start-failed',
    `\`cliPath\` ${file} is neither a program nor a script with a first line "#!": it would be run by a shell.`,
    { cliPath: file },
  );
}

/** The first 4 bytes of a file, as many as it has; undefined for an executable that may be run and not read. */
function readHead(file: string): Buffer | undefined {
  let handle: number;
  try {
    handle = openSync(file, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES') return undefined;
    throw new Failure('start-failed', `\`cliPath\` ${file} cannot be opened: ${code}.`, { cliPath: file });
  }
  try {
    const head = Buffer.alloc(4);
    return head.subarray(0, readSync(handle, head, 0, 4, 0));
  } finally {
    closeSync(handle);
  }
}

const MAGIC_NUMBERS = ['7f454c46', 'feedface', 'feedfacf', 'cefaedfe', 'cffaedfe', 'cafebabe'];

function isBinary(head: Buffer): boolean {
  return MAGIC_NUMBERS.includes(head.toString('hex'));
}
