import { constants } from 'node:fs';
import { access, open, realpath, stat } from 'node:fs/promises';
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
  const file = isPath ? resolve(cwd, cliPath) : await findOnPath(cliPath, env);
  if (!isPath && WINDOWS) return { file: cliPath, args: [] };
  await checkIsFile(file, cliPath);
  const extension = extname(await realpath(file));
  if (SCRIPT_EXTENSIONS.has(extension)) return { file: process.execPath, args: [file] };
  // The package's own source, run in development; never part of what is published.
  if (extension === '.ts') return { file: process.execPath, args: ['--import', 'tsx', file] };
  if (!WINDOWS) await checkIsExecutable(file);
  return { file, args: [] };
}

async function findOnPath(name: string, env: Record<string, string>): Promise<string> {
  if (WINDOWS) return name;
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const folder of folders) {
    const file = join(folder, name);
    if (await isExecutable(file)) return file;
  }
  throw new Failure(
    'start-failed',
    `There is no executable ${JSON.stringify(name)} on PATH. Install fluorite-flake globally, or leave \`cliPath\` out to use the package's own CLI.`,
    { cliPath: name, looked: folders },
  );
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    // Not there, or not ours to run: the next folder may have it.
    return false;
  }
}

async function checkIsFile(file: string, cliPath: string): Promise<void> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new Failure(
      'start-failed',
      `\`cliPath\` ${JSON.stringify(cliPath)} cannot be used: ${reasonOf(error)} at ${file}.`,
      { cliPath },
    );
  });
  if (!found.isFile()) throw new Failure('start-failed', `\`cliPath\` ${file} is not a file.`, { cliPath });
}

function reasonOf(error: NodeJS.ErrnoException): string {
  return error.code === 'ENOENT' ? 'there is no file' : `${error.code ?? error.message}`;
}

async function checkIsExecutable(file: string): Promise<void> {
  if (!(await isExecutable(file))) {
    throw new Failure(
      'start-failed',
      `\`cliPath\` ${file} is not executable; \`chmod +x\` it, or name a .js file.`,
      { cliPath: file },
    );
  }
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    // An executable that may not be read is a binary to the kernel all the same.
    if (error.code === 'EACCES') return undefined;
    throw new Failure('start-failed', `\`cliPath\` ${file} cannot be opened: ${error.code}.`, {
      cliPath: file,
    });
  });
  if (handle === undefined) return;
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
  await handle.close();
  if (bytesRead >= 2 && (isBinary(buffer) || buffer.toString('latin1', 0, 2) === '#!')) return;
  throw new Failure(
    'start-failed',
    `\`cliPath\` ${file} is neither a program nor a script with a first line "#!": it would be run by a shell.`,
    { cliPath: file },
  );
}

const MAGIC_NUMBERS = ['7f454c46', 'feedface', 'feedfacf', 'cefaedfe', 'cffaedfe', 'cafebabe'];

function isBinary(head: Buffer): boolean {
  return MAGIC_NUMBERS.includes(head.toString('hex'));
}
