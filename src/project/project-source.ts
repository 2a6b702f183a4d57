import { dirname, extname, relative, resolve } from 'node:path';
import { type ParsedParams, SidecarError } from '../protocol/index.js';
import { readModule } from './additional-modules.js';
import { type Bundle, bundle } from './bundle.js';
import { type ProjectConfig, readConfig } from './config.js';
import { runCustomBuild } from './custom-build.js';
import { findConfig, isFile, isInside } from './find-config.js';
import type { PrepareContext } from './prepare-upload.js';
import { requireUtf8 } from './source-encoding.js';
import { unbundled } from './unbundled.js';
import type { UploadModule } from './upload.js';
import { workerFormat } from './worker-format.js';

type DeployParams = ParsedParams<'dashboard.deployWorker'>;

export interface ProjectCode extends Bundle {
  config: ProjectConfig;
}

const NO_CONFIG: Omit<ProjectConfig, 'path' | 'root'> = {
  isPages: false,
  compatibilityFlags: [],
  bindings: [],
  noBundle: false,
  preserveFileNames: false,
  rules: [],
  minify: false,
  keepNames: true,
  define: {},
  alias: {},
  uploadSourceMaps: false,
  blobs: [],
  settings: {},
  warnings: [],
};

/** Reads, builds and bundles the project in `params.cwd`, from `params.entry` or what its configuration says. */
export async function projectCode(
  params: DeployParams,
  context: PrepareContext,
  compatibility: (config: ProjectConfig) => { compatibilityDate: string; compatibilityFlags: string[] },
): Promise<ProjectCode> {
  const { signal, progress } = context;
  const folder = resolve(context.cwd, params.cwd ?? '.');
  const config = await projectConfig(params, folder);
  if (config.build) await runCustomBuild(config.build, context);
  const entry = await entryFile(params, folder, config);
  progress({ message: `Bundling ${relative(folder, entry)}` });
  await requireUtf8([entry]);
  const { format, warnings } = await workerFormat(entry, config.root, config.tsconfig, signal);
  const where = {
    entry,
    root: config.baseDir ?? dirname(entry),
    folder: config.root,
    configPath: config.path,
  };
  const settings = { ...config, ...compatibility(config), minify: params.minify ?? config.minify };
  const built = config.noBundle
    ? await unbundled(where, format, settings, signal)
    : await bundle(where, format, settings, signal);
  return {
    ...built,
    config,
    modules: [...built.modules, ...(await blobModules(config, format))],
    warnings: [...warnings, ...withoutEffect(config, settings.minify), ...built.warnings],
  };
}

/** What a configuration says of bundling beside `no_bundle`. */
function withoutEffect({ path, noBundle, define, alias }: ProjectConfig, minify: boolean): string[] {
  if (!noBundle) return [];
  const given = { minify, define: Object.keys(define).length > 0, alias: Object.keys(alias).length > 0 };
  return Object.entries(given)
    .filter(([, isGiven]) => isGiven)
    .map(([field]) => `${path}: \`${field}\` has no effect with \`no_bundle\`.`);
}

async function projectConfig(params: DeployParams, folder: string): Promise<ProjectConfig> {
  const entry = params.entry === undefined ? undefined : resolve(folder, params.entry);
  const start = params.cwd === undefined && entry !== undefined ? dirname(entry) : folder;
  const env = params.env ?? (process.env.CLOUDFLARE_ENV || undefined);
  if (params.config !== undefined) return namedConfig(resolve(folder, params.config), env);
  const { path, projectRoot, redirectedBy, looked } = await findConfig(start);
  if (path !== undefined) {
    const config = await readConfig(path, env, redirectedBy && (projectRoot ?? folder));
    if (redirectedBy !== undefined) {
      config.warnings.unshift(
        `${path} was deployed, the configuration that a build wrote: ${redirectedBy} names it.`,
      );
    } else if (!isInside(start, path)) {
      config.warnings.unshift(`${path} is the project's configuration: ${start} has none of its own.`);
    }
    return config;
  }
  if (entry === undefined) throw configNotFound(folder, looked);
  if (params.env !== undefined) {
    throw new SidecarError(
      'config-not-found',
      `The environment \`${params.env}\` was asked for and there is no wrangler configuration. Looked for: ${looked.join(', ')}, and in the folders above.`,
      { data: { looked } },
    );
  }
  return { ...NO_CONFIG, path: entry, root: folder };
}

/** A configuration that the caller chose: nothing is looked for, and nothing leads elsewhere. */
async function namedConfig(path: string, env: string | undefined): Promise<ProjectConfig> {
  if (!/\.(jsonc?|toml)$/.test(path)) {
    throw new SidecarError(
      'config-invalid',
      `\`config\` names ${path}; a wrangler configuration ends in .json, .jsonc or .toml.`,
      { data: { file: path } },
    );
  }
  if (await isFile(path)) return readConfig(path, env);
  throw new SidecarError('config-not-found', `\`config\` names ${path}, which is no file.`, {
    data: { looked: [path] },
  });
}

function configNotFound(folder: string, looked: string[]): SidecarError {
  return new SidecarError(
    'config-not-found',
    `No Worker project in ${folder}. Looked for: ${looked.join(', ')}, and in the folders above. Give \`cwd\`, the ` +
      'folder of a project that has one of these files, or `entry`, a source file, or the code itself as `script` or `modules`.',
    { data: { looked } },
  );
}

async function entryFile(params: DeployParams, folder: string, config: ProjectConfig): Promise<string> {
  const entry = params.entry === undefined ? config.main : resolve(folder, params.entry);
  if (entry === undefined && config.isPages) {
    throw new SidecarError(
      'unsupported',
      `${config.path} is the configuration of a Pages project (\`pages_build_output_dir\`), and only Workers are deployed here: deploy it with \`npx wrangler pages deploy\`. A Worker has an entry file: give it as \`main\`, or as \`entry\`.`,
      { data: { file: config.path, field: 'pages_build_output_dir' } },
    );
  }
  if (entry === undefined) {
    throw new SidecarError(
      'config-invalid',
      `${config.path}: \`main\` is missing. Give the Worker's entry file there, or as \`entry\`.`,
      { data: { file: config.path, field: 'main' } },
    );
  }
  const file = await existing(entry);
  if (file === undefined) {
    const from = params.entry === undefined ? `\`main\` of ${config.path}` : '`entry`';
    const advice = config.build
      ? `\`${config.build.command}\` ran and did not make it`
      : 'a file that the project generates has to be built first';
    throw new SidecarError(
      'file-error',
      `The entry file ${entry} is not there; ${from} names it; ${advice}.`,
      { data: { path: entry, errno: 'ENOENT' } },
    );
  }
  if (extname(file) === '.py') {
    throw new SidecarError('unsupported', `${file}: Python Workers cannot be deployed yet.`);
  }
  return file;
}

/** The file of that name or, where the name has no ending, of one of the endings of a source. */
async function existing(path: string): Promise<string | undefined> {
  const endings = extname(path) === '' ? ['.ts', '.tsx', '.js', '.jsx'] : [''];
  for (const ending of endings) if (await isFile(path + ending)) return path + ending;
  return undefined;
}

/** The files that a configuration makes globals of a service worker. */
async function blobModules({ blobs, path }: ProjectConfig, format: string): Promise<UploadModule[]> {
  const [first] = blobs;
  if (first && format === 'modules') {
    throw new SidecarError(
      'config-invalid',
      `${path}: \`${first.name}\` is a file of the service-worker format, and this Worker is a module. Import ${first.path} in its code.`,
      { data: { file: path, field: first.name } },
    );
  }
  return Promise.all(
    blobs.map(async ({ name, type, path }) => ({ name, type, content: await readModule(path) })),
  );
}
