import { parse, resolve } from 'node:path';
import type { Plugin } from 'esbuild';
import { SidecarError } from '../protocol/index.js';
import { additionalModules, type ModuleRoot } from './additional-modules.js';
import { buildFailed, failedFiles } from './build-failed.js';
import type { ProjectConfig } from './config.js';
import { aliases, esbuildOptions } from './esbuild-options.js';
import { runEsbuild } from './esbuild-service.js';
import { globalName, moduleCollector } from './module-collector.js';
import { moduleRules } from './module-rules.js';
import { nodeCompat, runtimeNodeModules, unenvNodeModules } from './node-compat.js';
import { ownSources, requireUtf8 } from './source-encoding.js';
import { bundleSourceMap } from './source-map-files.js';
import type { UploadModule } from './upload.js';
import { requireListener, type WorkerFormat } from './worker-format.js';

/** Warnings of esbuild that are told one by one. */
const MAX_WARNINGS = 100;

export type BundleSettings = Pick<
  ProjectConfig,
  | 'rules'
  | 'minify'
  | 'keepNames'
  | 'define'
  | 'alias'
  | 'tsconfig'
  | 'jsxFactory'
  | 'jsxFragment'
  | 'preserveFileNames'
  | 'findAdditionalModules'
  | 'uploadSourceMaps'
> & { compatibilityDate: string; compatibilityFlags: readonly string[] };

export interface Bundle {
  mainModule: string;
  /** The main module first: `esm`, or `commonjs` for a service worker, whose other modules are globals by their names. */
  modules: UploadModule[];
  warnings: string[];
}

/**
 * Bundles the Worker whose entry file is `where.entry` as wrangler does: one ES module, beside it the text, data and
 * WebAssembly files it imports and, where they are wanted, the additional modules and the source map. `where.folder` is
 * where node_modules and tsconfig are looked for from.
 * @throws SidecarError `build-failed`, `unsupported` (rules for Python), `file-error`, `cancelled`.
 */
export async function bundle(
  where: ModuleRoot,
  format: WorkerFormat,
  settings: BundleSettings,
  signal: AbortSignal,
): Promise<Bundle> {
  const { entry, folder } = where;
  const toPath = (file: string) => resolve(folder, file);
  const rules = moduleRules(settings.rules);
  refuseUnsupported(rules.unsupported, format, settings);
  const additional = settings.findAdditionalModules ? await additionalModules(where, rules, signal) : [];
  const collected = new Map<string, UploadModule>(
    additional.map(({ name, type, content }) => [name, { name, type, content }]),
  );
  const runtimeImports = { node: new Set<string>(), cloudflare: new Set<string>() };
  const warnings: string[] = [];
  const { preserveFileNames } = settings;
  const result = await runEsbuild(
    {
      ...esbuildOptions(entry, folder, format, settings),
      write: false,
      metafile: true,
      plugins: [
        aliases(settings.alias, folder),
        moduleCollector({ rules, additional, preserveFileNames, format, entry, collected, warnings }),
        nodeModules(settings, runtimeImports.node),
        cloudflareModules(runtimeImports.cloudflare),
      ],
    },
    signal,
  ).catch(async (error) => {
    await requireUtf8(ownSources(failedFiles(error), toPath));
    throw buildFailed(entry, folder, error);
  });
  await requireUtf8(ownSources(Object.keys(result.metafile?.inputs ?? {}), toPath));

  const name = `${parse(entry).name}.js`;
  const content = outputOf(result.outputFiles, '.js') ?? new Uint8Array();
  if (format === 'service-worker') requireServiceWorker(entry, content, runtimeImports);
  const map = outputOf(result.outputFiles, '.js.map');
  return {
    mainModule: name,
    modules: [
      { name, type: format === 'modules' ? 'esm' : 'commonjs', content },
      ...[...collected.values()].map((module) =>
        format === 'modules' ? module : { ...module, name: globalName(module.name) },
      ),
      ...(map ? [bundleSourceMap(name, map)] : []),
    ],
    warnings: [
      ...warnings,
      ...result.warnings
        .slice(0, MAX_WARNINGS)
        .map(({ text, location }) => (location ? `${location.file}:${location.line}: ${text}` : text)),
      ...(result.warnings.length > MAX_WARNINGS
        ? [`esbuild gave ${result.warnings.length - MAX_WARNINGS} more warnings.`]
        : []),
      ...nodeWarnings(runtimeImports.node, settings),
    ],
  };
}

function nodeModules(
  { compatibilityDate, compatibilityFlags }: BundleSettings,
  imported: Set<string>,
): Plugin {
  return nodeCompat(compatibilityDate, compatibilityFlags) === 'v2'
    ? unenvNodeModules(compatibilityDate, compatibilityFlags, imported)
    : runtimeNodeModules(imported);
}

function cloudflareModules(imported: Set<string>): Plugin {
  return {
    name: 'cloudflare-modules',
    setup(build) {
      build.onResolve({ filter: /^(cloudflare|workerd):/ }, ({ path }) => {
        imported.add(path);
        return { path, external: true };
      });
    },
  };
}

function outputOf(files: readonly { path: string; contents: Uint8Array }[], ending: string) {
  return files.find(({ path }) => path.endsWith(ending))?.contents;
}

function nodeWarnings(imported: ReadonlySet<string>, settings: BundleSettings): string[] {
  const mode = nodeCompat(settings.compatibilityDate, settings.compatibilityFlags);
  const missing = [...imported].filter((path) => mode === 'off' || !path.startsWith('node:async_hooks'));
  if (missing.length === 0 || mode === 'v1' || mode === 'v2') return [];
  return [
    `The Worker imports ${missing.sort().join(', ')}: add the compatibility flag nodejs_compat to make Node's modules available.`,
  ];
}

/** A service worker is a script: nothing can be imported when it runs. */
function requireServiceWorker(
  entry: string,
  content: Uint8Array,
  imports: { node: ReadonlySet<string>; cloudflare: ReadonlySet<string> },
): void {
  requireListener(entry, new TextDecoder().decode(content));
  const left = [...imports.node, ...imports.cloudflare].sort();
  if (left.length === 0) return;
  const text =
    `${entry} has no default export, which makes it a Worker in the service-worker format, and that cannot import ` +
    `${left.join(', ')}. Export the handlers, as in \`export default { fetch(request, env, ctx) { … } }\``;
  throw new SidecarError('build-failed', `Could not bundle: ${text}.`, { data: { errors: [{ text }] } });
}

function refuseUnsupported(types: readonly string[], format: WorkerFormat, settings: BundleSettings): void {
  if (types.length > 0) {
    throw new SidecarError(
      'unsupported',
      `Module rules of the type ${types.join(', ')} are not supported: Python Workers cannot be deployed yet.`,
    );
  }
  if (settings.findAdditionalModules && format === 'service-worker') {
    throw new SidecarError(
      'config-invalid',
      '`find_additional_modules` needs a Worker that is a module: a service worker cannot import. ' +
        'Export the handlers, as in `export default { fetch(request, env, ctx) { … } }`.',
      { data: { field: 'find_additional_modules' } },
    );
  }
}
