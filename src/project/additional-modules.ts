import type { Dirent } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { fileError } from '../protocol/errors.js';
import { SidecarError } from '../protocol/index.js';
import { throwIfCancelled } from './esbuild-service.js';
import { type ModuleRules, shadowedMessage } from './module-rules.js';
import type { UploadModule } from './upload.js';

/** wrangler's own folder, which holds what it built before. */
const LEFT_OUT_FOLDER = '.wrangler';

/** Where a Worker's files are. */
export interface ModuleRoot {
  /** The entry file, which is no additional module. */
  entry: string;
  /** The folder that modules are named from: `base_dir`, or the entry's own. */
  root: string;
  /** The project's folder, whose `.wrangler` is left out. */
  folder: string;
  /** The configuration, which is no module whatever the rules say. */
  configPath: string;
}

export interface AdditionalModule extends UploadModule {
  path: string;
}

/**
 * The files below the module root that a rule matches, under their relative paths, as wrangler finds them: node_modules
 * is looked through too.
 * @throws SidecarError `build-failed` for a file that only a hidden rule matches; `file-error`; `cancelled`.
 */
export async function additionalModules(
  where: ModuleRoot,
  rules: ModuleRules,
  signal: AbortSignal,
): Promise<AdditionalModule[]> {
  const modules: AdditionalModule[] = [];
  const leftOut = new Set([where.entry, where.configPath]);
  for await (const path of filesBelow(where.root, join(where.folder, LEFT_OUT_FOLDER))) {
    throwIfCancelled(signal);
    if (leftOut.has(path)) continue;
    const name = moduleName(where.root, path);
    const matcher = rules.matchers.find(({ found }) => found.test(name));
    if (matcher) modules.push({ name, type: matcher.type, content: await readModule(path), path });
    else if (rules.shadowed.some((pattern) => pattern.test(name))) {
      throw new SidecarError('build-failed', shadowedMessage(path), {
        data: { errors: [{ file: path, text: shadowedMessage(name) }] },
      });
    }
  }
  return modules;
}

/** The name of a file as a module: its path from the module root, with slashes. */
export function moduleName(root: string, path: string): string {
  return relative(root, path).split(sep).join('/');
}

export async function readModule(path: string): Promise<Uint8Array> {
  return readFile(path).catch((error) => {
    throw fileError('read', path, error);
  });
}

async function* filesBelow(folder: string, leftOut: string): AsyncGenerator<string> {
  const entries: Dirent[] = await readdir(folder, { withFileTypes: true }).catch((error) => {
    throw fileError('read', folder, error);
  });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) yield path;
    else if (path !== leftOut) yield* filesBelow(path, leftOut);
  }
}
