import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError } from './file-error.js';

/** In wrangler's order of precedence: the first one that exists is the configuration. */
const CONFIG_FILES = ['wrangler.json', 'wrangler.jsonc', 'wrangler.toml'] as const;

/**
 * Looks for a wrangler configuration in `folder` and, unlike wrangler, in no folder above it: a sidecar's working
 * directory must not decide by accident what is deployed.
 * @returns the file's absolute path if there is one, and every path that was looked at.
 */
export async function findConfig(folder: string): Promise<{ path?: string; looked: string[] }> {
  const looked: string[] = [];
  for (const name of CONFIG_FILES) {
    const path = join(folder, name);
    looked.push(path);
    if (await isFile(path)) return { path, looked };
  }
  return { looked };
}

/** @throws SidecarError `file-error` for anything but a path that is not there. */
export async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw fileError('look for', path, error);
  }
}
