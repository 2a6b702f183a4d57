import { dirname, resolve } from 'node:path';
import { SidecarError, type WorkerBinding } from '../protocol/index.js';
import { configBindings } from './config-bindings.js';
import { fieldNotes, unsupportedBindings } from './config-fields.js';
import { type ModuleRule, type WranglerConfig, wranglerConfig } from './config-schema.js';
import { workerSettings } from './config-settings.js';
import { type ConfigText, parseConfigText } from './config-text.js';
import { selectEnvironment } from './environment.js';
import { readText } from './text-file.js';
import type { WorkerSettings } from './upload.js';

/** A wrangler configuration with one environment chosen; every path is absolute. */
export interface ProjectConfig {
  path: string;
  /** The folder that imports, tsconfig and `.dev.vars` are looked for in: the user's own configuration's. */
  root: string;
  /** The environment that was chosen. */
  env?: string;
  name?: string;
  main?: string;
  /** Whether it is of Pages: that has no entry file. */
  isPages: boolean;
  compatibilityDate?: string;
  compatibilityFlags: string[];
  bindings: WorkerBinding[];
  noBundle: boolean;
  findAdditionalModules?: boolean;
  preserveFileNames: boolean;
  baseDir?: string;
  rules: ModuleRule[];
  minify: boolean;
  keepNames: boolean;
  define: Record<string, string>;
  alias: Record<string, string>;
  tsconfig?: string;
  jsxFactory?: string;
  jsxFragment?: string;
  uploadSourceMaps: boolean;
  /** A command that makes the entry file, and the folder it runs in. */
  build?: { command: string; cwd: string };
  /** The names that are taken from `.dev.vars`; all of them when undefined. */
  requiredSecrets?: string[];
  /** The globals of a service worker that hold a file's content. */
  blobs: ConfigBlob[];
  /** What it says of the Worker beyond its code. */
  settings: WorkerSettings;
  warnings: string[];
}

/** A file that a service worker sees as a global. */
export interface ConfigBlob {
  name: string;
  type: 'wasm' | 'text' | 'data';
  path: string;
}

const BLOB_FIELDS = { wasm_modules: 'wasm', text_blobs: 'text', data_blobs: 'data' } as const;

/**
 * Reads a wrangler configuration (JSON with comments, or TOML by its file name) and picks `env`, or the top level.
 * The file is never written. `redirectedFrom` is the project's folder when another configuration there led to this one.
 * @throws SidecarError `config-invalid` with `data.file`, and `data.field` and `data.line` where they are known;
 * `unsupported` naming every binding that cannot be served; `file-error`.
 */
export async function readConfig(
  path: string,
  env: string | undefined,
  redirectedFrom?: string,
): Promise<ProjectConfig> {
  const source = parseConfigText(path, await readText(path));
  const config = validate(path, source);
  const chosen = selectEnvironment(path, source, config, env, redirectedFrom !== undefined);
  const missing = unsupportedBindings(chosen.fields);
  if (missing.length > 0) throw unsupported(path, missing);

  const { fields } = chosen;
  const folder = dirname(path);
  const absolute = (relative: string | undefined) => relative && resolve(folder, relative);
  const { command, cwd } = fields.build ?? {};
  return {
    path,
    root: redirectedFrom ?? folder,
    env: env ?? config.targetEnvironment ?? undefined,
    name: chosen.name,
    main: absolute(fields.main),
    isPages: config.pages_build_output_dir !== undefined,
    compatibilityDate: fields.compatibility_date,
    compatibilityFlags: fields.compatibility_flags ?? [],
    bindings: configBindings(path, fields),
    noBundle: fields.no_bundle ?? false,
    findAdditionalModules: fields.find_additional_modules,
    preserveFileNames: fields.preserve_file_names ?? false,
    baseDir: absolute(fields.base_dir),
    rules: fields.rules ?? [],
    minify: fields.minify ?? false,
    keepNames: fields.keep_names ?? true,
    define: fields.define ?? {},
    alias: config.alias ?? {},
    tsconfig: absolute(fields.tsconfig),
    jsxFactory: fields.jsx_factory,
    jsxFragment: fields.jsx_fragment,
    uploadSourceMaps: fields.upload_source_maps ?? false,
    build: command ? { command, cwd: resolve(folder, cwd ?? '.') } : undefined,
    requiredSecrets: fields.secrets && (fields.secrets.required ?? []),
    blobs: blobs(config, folder),
    settings: workerSettings(fields, config),
    warnings: [...warnings(path, source, config, env), ...chosen.warnings],
  };
}

function blobs(config: WranglerConfig, folder: string): ConfigBlob[] {
  return Object.entries(BLOB_FIELDS).flatMap(([field, type]) =>
    Object.entries(config[field as keyof typeof BLOB_FIELDS] ?? {}).map(([name, file]) => ({
      name,
      type,
      path: resolve(folder, file),
    })),
  );
}

function validate(path: string, source: ConfigText): WranglerConfig {
  const parsed = wranglerConfig.safeParse(source.value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => ({
    field: fieldName(issue.path),
    line: source.lineOf(issue.path),
    message: issue.message,
  }));
  const listed = issues.map(
    ({ field, line, message }) =>
      `${path}${line ? `:${line}` : ''}: ${field ? `\`${field}\`: ` : ''}${message}`,
  );
  throw new SidecarError('config-invalid', `The wrangler configuration is invalid. ${listed.join('; ')}.`, {
    data: { file: path, field: issues[0]?.field, line: issues[0]?.line, issues },
  });
}

function fieldName(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (name, part) =>
      typeof part === 'number' ? `${name}[${part}]` : name ? `${name}.${String(part)}` : String(part),
    '',
  );
}

function warnings(path: string, source: ConfigText, config: WranglerConfig, env?: string): string[] {
  const notes = fieldNotes(config, []);
  if (env !== undefined) notes.push(...fieldNotes(config.env?.[env] ?? {}, ['env', env]));
  return notes.map((note) => {
    const line = source.lineOf(note.path);
    return `${path}${line ? `:${line}` : ''}: ${note.text}.`;
  });
}

function unsupported(path: string, missing: string[]): SidecarError {
  return new SidecarError(
    'unsupported',
    `${path} asks for what cannot be deployed yet: ${missing.join(', ')}. Nothing was deployed; ` +
      'KV, R2, service, text, secret and JSON bindings are supported.',
    { data: { file: path, bindings: missing } },
  );
}
