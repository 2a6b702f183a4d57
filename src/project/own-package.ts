import { readFile, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../version.js';

const NAME = 'fluorite-flake';

/**
 * How a new project names this package among its dependencies, so that `npm install` finds it: a version where npm has
 * it from a registry, else the folder that is running, a checkout or what a tarball was installed to.
 * @returns `^1.2.3` or `file:/path`
 */
export async function ownDependency(): Promise<string> {
  const folder = await ownFolder();
  if (folder === undefined || (await isFromRegistry(folder))) return `^${VERSION}`;
  return `file:${folder.replaceAll('\\', '/')}`;
}

/** The package's folder; undefined where an app carries a copy of `dist` alone. */
async function ownFolder(): Promise<string | undefined> {
  let folder = dirname(await realpath(fileURLToPath(import.meta.url)));
  for (;;) {
    const manifest = await readJson(join(folder, 'package.json'));
    if (manifest?.name === NAME) return folder;
    const parent = dirname(folder);
    if (parent === folder) return undefined;
    folder = parent;
  }
}

/** Whether npm's own notes say that it downloaded the package; other package managers and checkouts have none. */
async function isFromRegistry(folder: string): Promise<boolean> {
  const lock = await readJson(join(dirname(folder), '.package-lock.json'));
  const packages = lock?.packages as Record<string, { resolved?: unknown } | undefined> | undefined;
  const resolved = packages?.[`node_modules/${NAME}`]?.resolved;
  return typeof resolved === 'string' && /^https?:/.test(resolved);
}

/** A JSON object; undefined when the file is missing or holds anything else. */
async function readJson(path: string): Promise<Record<string, unknown> | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EISDIR'].includes(code)) return undefined;
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // Somebody else's file, and no reason to make no project.
  }
}
