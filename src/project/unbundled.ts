import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import type { Bundle } from './bundle.js';
import type { ProjectConfig } from './config.js';
import { throwIfCancelled } from './esbuild-service.js';
import { fileError } from './file-error.js';
import { requireModuleFormat } from './module-format.js';
import { type ModuleMatcher, moduleRules } from './module-rules.js';
import type { UploadModule } from './upload.js';

const LEFT_OUT_FOLDERS: ReadonlySet<string> = new Set(['node_modules', '.git', '.wrangler']);

/**
 * A project with `no_bundle`: the entry as it is and, unless `find_additional_modules` is false, the files below
 * `base_dir` (by default the entry's folder) that match a module rule, under their relative paths.
 */
export async function unbundled(
  entry: string,
  config: Pick<ProjectConfig, 'rules' | 'baseDir' | 'findAdditionalModules'>,
  signal: AbortSignal,
): Promise<Bundle> {
  const root = config.baseDir ?? dirname(entry);
  const mainModule = moduleName(root, entry);
  const main = await read(entry);
  requireModuleFormat(entry, new TextDecoder().decode(main));
  const modules: UploadModule[] = [{ name: mainModule, type: 'esm', content: main }];
  if (config.findAdditionalModules !== false) {
    const { matchers } = moduleRules(config.rules);
    for await (const path of files(root)) {
      throwIfCancelled(signal);
      const matcher = path === entry ? undefined : matching(matchers, moduleName(root, path));
      if (matcher)
        modules.push({ name: moduleName(root, path), type: matcher.type, content: await read(path) });
    }
  }
  return { mainModule, modules, warnings: [] };
}

async function* files(folder: string): AsyncGenerator<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error) => {
    throw fileError('read', folder, error);
  });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !LEFT_OUT_FOLDERS.has(entry.name)) yield* files(path);
    if (entry.isFile()) yield path;
  }
}

function matching(matchers: readonly ModuleMatcher[], name: string): ModuleMatcher | undefined {
  return matchers.find(({ pattern }) => pattern.test(name) || pattern.test(`./${name}`));
}

function moduleName(root: string, path: string): string {
  return relative(root, path).split(sep).join('/');
}

async function read(path: string): Promise<Uint8Array> {
  return readFile(path).catch((error) => {
    throw fileError('read', path, error);
  });
}
