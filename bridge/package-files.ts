import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { SidecarError } from '../src/protocol/index.js';
import { VERSION } from '../src/version.js';

/** The files that are run by their path and never imported: no bundler sees them. */
export interface PackageFiles {
  /** What the thread runs. */
  worker: string;
  /** piscina, which starts the thread from a file of its own. */
  pool: string;
  cli: string;
}

/** The folder that an app may copy `dist` to, beside its bundle. */
const COPY = 'fluorite-flake';

/** This module, or the bundle that an app made of it. esbuild leaves no `import.meta.url` in CommonJS. */
const HERE = fileURLToPath(import.meta.url ?? pathToFileURL(__filename).href);

/**
 * Finds the package's own files: by the option, beside this module, in the package that Node finds from here, or in a
 * copy beside the bundle.
 * @param workerPath `worker/main.cjs` in a copy of the package's `dist`
 * @throws SidecarError `start-failed` that says where it looked, `invalid-option` for a wrong `workerPath`.
 */
export function findPackageFiles(workerPath?: string): PackageFiles {
  if (workerPath !== undefined) return fromWorkerPath(resolve(workerPath));
  if (extname(HERE) === '.ts') return sourceFiles();
  const looked: string[] = [];
  for (const folder of candidates()) {
    if (versionOf(folder) !== undefined) return filesOf(folder);
    looked.push(folder);
  }
  throw notFound(looked);
}

function* candidates(): Generator<string> {
  yield dirname(dirname(HERE));
  const installed = installedDist();
  if (installed !== undefined) yield installed;
  yield join(dirname(HERE), COPY);
}

/** `dist` of the package that Node finds from here; undefined when an app was shipped without it. */
function installedDist(): string | undefined {
  try {
    return join(dirname(createRequire(HERE).resolve('fluorite-flake/package.json')), 'dist');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

function fromWorkerPath(workerPath: string): PackageFiles {
  const folder = dirname(dirname(workerPath));
  if (versionOf(folder) === undefined) {
    const message = `There is no copy of fluorite-flake's \`dist\` around the \`workerPath\` ${workerPath}: name its worker/main.cjs.`;
    throw new SidecarError('invalid-option', message, { data: { workerPath } });
  }
  return { ...filesOf(folder), worker: workerPath };
}

/** @throws SidecarError `start-failed` when the files are of another version than this library. */
function filesOf(folder: string): PackageFiles {
  const version = versionOf(folder);
  if (version !== VERSION) {
    const message = `The files in ${folder} are of fluorite-flake ${version}, the bundled library is ${VERSION}: build the app again.`;
    throw new SidecarError('start-failed', message, { data: { folder, version, expected: VERSION } });
  }
  return {
    worker: join(folder, 'worker/main.cjs'),
    pool: join(folder, 'pool/main.js'),
    cli: join(folder, 'src/cli.cjs'),
  };
}

/** The version that a `dist` says of itself; undefined where there is none. */
function versionOf(folder: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, 'pool/package.json'), 'utf8');
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
  const { name, version } = JSON.parse(text) as { name?: unknown; version?: unknown };
  return name === 'fluorite-flake-pool' ? String(version) : undefined;
}

/** The sources, run as they are: Node 20 hands the loader of TypeScript not on to threads. */
function sourceFiles(): PackageFiles {
  const root = dirname(dirname(HERE));
  return {
    worker: join(root, 'worker/from-source.js'),
    pool: createRequire(HERE).resolve('piscina'),
    cli: join(root, 'src/cli.ts'),
  };
}

function notFound(looked: readonly string[]): SidecarError {
  return new SidecarError(
    'start-failed',
    `The files of fluorite-flake were not found from ${HERE}: looked for its \`dist\` in ${looked.join(', ')}. ` +
      `A bundled app keeps the package in node_modules, or copies its \`dist\` to a folder ${COPY} beside the bundle, ` +
      'or names worker/main.cjs of a copy with the option `workerPath`.',
    { data: { looked } },
  );
}
