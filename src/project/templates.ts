import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileError } from '../protocol/errors.js';
import { SidecarError } from '../protocol/index.js';

/** npm leaves files of these names out of a package, so a template carries them under other ones. */
const RENAMED: Readonly<Record<string, string>> = { gitignore: '.gitignore' };

export interface TemplateFile {
  /** Relative to the project, with `/`. */
  path: string;
  content: string;
}

/** The files of a template with each `{{key}}` of `values` filled in, sorted by path. */
export async function templateFiles(
  template: string,
  values: Readonly<Record<string, string>>,
): Promise<TemplateFile[]> {
  const root = join(await templatesFolder(), template);
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch((error) => {
    throw fileError('read the template', root, error);
  });
  const files = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => {
        const source = join(entry.parentPath, entry.name);
        const path = join(relative(root, entry.parentPath), RENAMED[entry.name] ?? entry.name);
        return { path: path.split(sep).join('/'), content: fill(await readFile(source, 'utf8'), values) };
      }),
  );
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{\{(\w+)\}\}/g, (whole, key: string) => values[key] ?? whole);
}

/** Sources have the templates beside this file; what is published bundles it to a file anywhere below `dist`. */
async function templatesFolder(): Promise<string> {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const candidate = join(folder, 'src', 'project', 'templates');
    if (await isFolder(candidate)) return candidate;
    const parent = dirname(folder);
    if (parent === folder) break;
    folder = parent;
  }
  throw new SidecarError(
    'internal-error',
    'The templates of this installation are missing; install it again.',
  );
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}
