import { lstat, mkdir, mkdtemp, readdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileError } from '../protocol/errors.js';
import { type ParsedParams, type Result, SidecarError } from '../protocol/index.js';
import { throwIfCancelled } from './esbuild-service.js';
import { createRepository } from './git.js';
import { installDependencies } from './install.js';
import { ownDependency } from './own-package.js';
import { DEFAULT_COMPATIBILITY_DATE, type PrepareContext } from './prepare-upload.js';
import { type TemplateFile, templateFiles } from './templates.js';

type CreateParams = ParsedParams<'project.create'>;

/** The folder of each framework's template. */
const TEMPLATES: Readonly<Record<CreateParams['framework'], string>> = {
  'worker-typescript': 'worker-typescript',
  worker: 'worker-typescript',
};

/** A package manager that was cancelled may still be ending. */
const REMOVAL = { recursive: true, force: true, maxRetries: 10, retryDelay: 100 } as const;

/** Folders that are not the project's own files. */
const FOREIGN_FOLDERS: ReadonlySet<string> = new Set(['.git', 'node_modules']);

/**
 * Makes the folder `path`/`name` with a project in it. It is written beside its place and moved there complete; when
 * that, the installation or git fails or is cancelled, everything that was made is removed, and nothing else.
 * @throws SidecarError `already-exists` when anything but an empty folder is there, `file-error`, `command-failed`,
 * `cancelled`.
 */
export async function createProject(
  params: CreateParams,
  context: PrepareContext,
): Promise<Result<'project.create'>> {
  throwIfCancelled(context.signal);
  const parent = await existingFolder(resolve(context.cwd, params.path));
  const target = join(parent, params.name);
  const wasThere = await refuseOccupied(target);
  const files = await templateFiles(TEMPLATES[params.framework], {
    name: params.name,
    dependency: JSON.stringify(await ownDependency()).slice(1, -1),
    compatibilityDate: DEFAULT_COMPATIBILITY_DATE,
  });

  context.progress({ message: `Writing ${files.length} files to ${target}` });
  const temporary = await temporaryFolder(parent, params.name);
  try {
    // Not the temporary folder itself becomes the project: that one is closed to other users.
    const draft = join(temporary, params.name);
    await writeFiles(draft, files, context.signal);
    await moveIntoPlace(draft, target);
  } finally {
    await rm(temporary, REMOVAL);
  }
  try {
    if (params.install) await installDependencies(target, params.packageManager, context);
    if (params.git) await createRepository(target, context);
    throwIfCancelled(context.signal);
    return { success: true, projectPath: target, files: await projectFiles(target) };
  } catch (error) {
    await rm(target, REMOVAL);
    if (wasThere) await mkdir(target);
    throw error;
  }
}

/** The real path of the folder the project goes into, so that a link changed later leads nowhere else. */
async function existingFolder(path: string): Promise<string> {
  try {
    const real = await realpath(path);
    if ((await lstat(real)).isDirectory()) return real;
  } catch (error) {
    throw fileError('use as the folder for the project', path, error);
  }
  throw new SidecarError(
    'file-error',
    `${path} is not a folder; give the folder that the project goes into.`,
    {
      data: { path, errno: 'ENOTDIR' },
    },
  );
}

/** @returns whether an empty folder is there already. A symbolic link is never followed. */
async function refuseOccupied(target: string): Promise<boolean> {
  const there = await lstat(target).catch((error) => {
    if (error.code === 'ENOENT') return undefined;
    throw fileError('look for', target, error);
  });
  if (!there) return false;
  if (there.isDirectory() && (await readdir(target)).length === 0) return true;
  throw alreadyExists(target);
}

function alreadyExists(target: string, cause?: unknown): SidecarError {
  return new SidecarError(
    'already-exists',
    `${target} exists already and is not an empty folder. Nothing was changed; choose another name or path.`,
    { data: { path: target }, cause },
  );
}

/** A sibling of the project's folder, so that moving it there is one rename on one file system. */
async function temporaryFolder(parent: string, name: string): Promise<string> {
  return mkdtemp(join(parent, `.${name}-`)).catch((error) => {
    throw fileError('make a folder in', parent, error);
  });
}

async function writeFiles(
  folder: string,
  files: readonly TemplateFile[],
  signal: AbortSignal,
): Promise<void> {
  for (const { path, content } of files) {
    throwIfCancelled(signal);
    const file = join(folder, path);
    try {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content, { flag: 'wx' });
    } catch (error) {
      throw fileError('write', file, error);
    }
  }
}

/** rename() replaces an empty folder and nothing else: whatever came there meanwhile stays. */
async function moveIntoPlace(draft: string, target: string): Promise<void> {
  try {
    await rename(draft, target);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EPERM'].includes(code)) throw alreadyExists(target, error);
    throw fileError('move the project to', target, error);
  }
}

async function projectFiles(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) found.push(entry.name);
    else if (!FOREIGN_FOLDERS.has(entry.name)) {
      found.push(...(await projectFiles(path)).map((file) => `${relative(folder, path)}/${file}`));
    }
  }
  return found.map((path) => path.split(sep).join('/')).sort();
}
