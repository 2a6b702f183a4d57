import { stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileError } from '../protocol/errors.js';
import { SidecarError } from '../protocol/index.js';
import { parseConfigText } from './config-text.js';
import { readText } from './text-file.js';

/** In wrangler's order of precedence: the first one that exists, in the folder or above it, is the configuration. */
const CONFIG_FILES = ['wrangler.json', 'wrangler.jsonc', 'wrangler.toml'] as const;

/** Where a framework's build leaves word of the configuration that it generated. */
const REDIRECT_FILE = join('.wrangler', 'deploy', 'config.json');

/** Which configuration a folder has. */
export interface FoundConfig {
  /** The configuration to read; undefined where there is none. */
  path?: string;
  /** The folder of the user's own configuration, which is another one than `path`'s where it is redirected. */
  projectRoot?: string;
  /** The file that sent us to `path`. */
  redirectedBy?: string;
  /** The names that were looked for in `folder` and in every folder above it. */
  looked: string[];
}

/**
 * Looks for a wrangler configuration as wrangler does: in `folder`, then in each folder above it, one file name after
 * the other; a `.wrangler/deploy/config.json` beside it names another one to be deployed in its place.
 * @throws SidecarError `config-invalid` for a redirection that leads nowhere; `file-error`.
 */
export async function findConfig(folder: string): Promise<FoundConfig> {
  const looked = CONFIG_FILES.map((name) => join(folder, name));
  const own = await firstUpwards(CONFIG_FILES, folder);
  const redirectedBy = await firstUpwards([REDIRECT_FILE], folder);
  if (redirectedBy === undefined) return { path: own, projectRoot: own && dirname(own), looked };
  const base = dirname(dirname(dirname(redirectedBy)));
  if (own !== undefined && dirname(own) !== base) {
    throw redirectInvalid(
      redirectedBy,
      `it stands beside another project than the configuration ${own}; remove the one that is out of date`,
    );
  }
  return { path: await redirectTarget(redirectedBy), projectRoot: own && dirname(own), redirectedBy, looked };
}

async function redirectTarget(path: string): Promise<string> {
  const { value } = parseConfigText(path, await readText(path));
  const configPath = (value as { configPath?: unknown } | null)?.configPath;
  if (typeof configPath !== 'string' || configPath === '') {
    throw redirectInvalid(path, 'it names no `configPath`');
  }
  const target = resolve(dirname(path), configPath);
  if (await isFile(target)) return target;
  throw redirectInvalid(path, `the configuration ${target} that it names is not there; build the project`);
}

function redirectInvalid(path: string, why: string): SidecarError {
  return new SidecarError(
    'config-invalid',
    `${path} redirects the deploy to another configuration: ${why}.`,
    {
      data: { file: path, field: 'configPath' },
    },
  );
}

/** The first of `names` that is in `folder` or above it; a name found high up wins over a later one found near. */
async function firstUpwards(names: readonly string[], folder: string): Promise<string | undefined> {
  for (const name of names) {
    for (const at of upwards(folder)) {
      const path = join(at, name);
      if (await isFile(path)) return path;
    }
  }
  return undefined;
}

function* upwards(folder: string): Generator<string> {
  yield folder;
  const above = dirname(folder);
  if (above !== folder) yield* upwards(above);
}

/** Whether `path` lies in `folder` or below it. */
export function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (!way.startsWith('..') && resolve(folder, way) === path);
}

/** @throws SidecarError `file-error` for anything but a path that is not there. */
export async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return false;
    throw fileError('look for', path, error);
  }
}
