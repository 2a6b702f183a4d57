import { dirname, extname, relative, resolve } from 'node:path';
import { type ParsedParams, SidecarError } from '../protocol/index.js';
import { type Bundle, bundle } from './bundle.js';
import { type ProjectConfig, readConfig } from './config.js';
import { findConfig, isFile } from './find-config.js';
import type { PrepareContext } from './prepare-upload.js';
import { unbundled } from './unbundled.js';

type DeployParams = ParsedParams<'dashboard.deployWorker'>;

export interface ProjectCode extends Bundle {
  config: ProjectConfig;
}

const NO_CONFIG: Omit<ProjectConfig, 'path'> = {
  compatibilityFlags: [],
  bindings: [],
  noBundle: false,
  preserveFileNames: false,
  rules: [],
  minify: false,
  keepNames: true,
  define: {},
  alias: {},
  warnings: [],
};

/** Reads and bundles the project in `params.cwd`, from `params.entry` or what its configuration says. */
export async function projectCode(
  params: DeployParams,
  context: PrepareContext,
  compatibility: (config: ProjectConfig) => { compatibilityDate: string; compatibilityFlags: string[] },
): Promise<ProjectCode> {
  const folder = resolve(context.cwd, params.cwd ?? '.');
  const config = await projectConfig(params, folder);
  const entry = await entryFile(params, folder, config);
  context.progress({ message: `Bundling ${relative(folder, entry)}` });
  if (config.noBundle) return { config, ...(await unbundled(entry, config, context.signal)) };
  const settings = { ...config, ...compatibility(config), minify: params.minify ?? config.minify };
  const root = config.path === entry ? folder : dirname(config.path);
  return { config, ...(await bundle(entry, root, settings, context.signal)) };
}

async function projectConfig(params: DeployParams, folder: string): Promise<ProjectConfig> {
  const { path, looked } = await findConfig(folder);
  if (path !== undefined) return readConfig(path, params.env);
  if (params.entry === undefined) throw configNotFound(folder, looked);
  if (params.env !== undefined) {
    throw new SidecarError(
      'config-not-found',
      `The environment \`${params.env}\` was asked for and there is no wrangler configuration. Looked for: ${looked.join(', ')}.`,
      { data: { looked } },
    );
  }
  return { ...NO_CONFIG, path: resolve(folder, params.entry) };
}

function configNotFound(folder: string, looked: string[]): SidecarError {
  return new SidecarError(
    'config-not-found',
    `No Worker project in ${folder}. Looked for: ${looked.join(', ')}. Give \`cwd\`, the folder of a project that has ` +
      'one of these files, or `entry`, a source file, or the code itself as `script` or `modules`.',
    { data: { looked } },
  );
}

async function entryFile(params: DeployParams, folder: string, config: ProjectConfig): Promise<string> {
  const entry = params.entry === undefined ? config.main : resolve(folder, params.entry);
  if (entry === undefined) {
    throw new SidecarError(
      'config-invalid',
      `${config.path}: \`main\` is missing. Give the Worker's entry file there, or as \`entry\`.`,
      { data: { file: config.path, field: 'main' } },
    );
  }
  if (!(await isFile(entry))) {
    const from = params.entry === undefined ? `\`main\` of ${config.path}` : '`entry`';
    throw new SidecarError('config-not-found', `The entry file ${entry} is not there; ${from} names it.`, {
      data: { looked: [entry] },
    });
  }
  if (extname(entry) === '.py') {
    throw new SidecarError('unsupported', `${entry}: Python Workers cannot be deployed yet.`);
  }
  return entry;
}
