import { isBuiltin } from 'node:module';
import { dirname, parse } from 'node:path';
import type { BuildOptions, Plugin } from 'esbuild';
import { SidecarError } from '../protocol/index.js';
import { buildFailed } from './build-failed.js';
import type { ProjectConfig } from './config.js';
import { runEsbuild } from './esbuild-service.js';
import { moduleCollector } from './module-collector.js';
import { serviceWorkerUnsupported } from './module-format.js';
import { moduleRules } from './module-rules.js';
import type { UploadModule } from './upload.js';

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
> & { compatibilityDate: string; compatibilityFlags: readonly string[] };

export interface Bundle {
  mainModule: string;
  /** The main module first. */
  modules: UploadModule[];
  warnings: string[];
}

/**
 * Bundles the Worker whose entry file is `entry` as wrangler does: one ES module, beside it the text, data and
 * WebAssembly files it imports. `folder` is where node_modules and tsconfig are looked for from.
 * @throws SidecarError `build-failed`, `unsupported` (service-worker format, rules for Python), `cancelled`.
 */
export async function bundle(
  entry: string,
  folder: string,
  settings: BundleSettings,
  signal: AbortSignal,
): Promise<Bundle> {
  const rules = moduleRules(settings.rules);
  refuseUnsupportedRules(rules.unsupported);
  const modules = new Map<string, UploadModule>();
  const builtins = new Set<string>();
  const name = `${parse(entry).name}.js`;
  const result = await runEsbuild(
    {
      ...esbuildOptions(entry, folder, settings),
      write: false,
      metafile: true,
      plugins: [
        aliases(settings.alias, folder),
        moduleCollector(rules, modules, settings.preserveFileNames),
        runtimeModules(hasNodeCompat(settings.compatibilityFlags), builtins),
      ],
    },
    signal,
  ).catch((error) => {
    throw buildFailed(entry, folder, error);
  });

  const output = Object.values(result.metafile.outputs).find(({ entryPoint }) => entryPoint !== undefined);
  if (!output?.exports.includes('default')) throw serviceWorkerUnsupported(entry);
  const content = result.outputFiles.find(({ path }) => path.endsWith('.js'))?.contents ?? new Uint8Array();
  return {
    mainModule: name,
    modules: [{ name, type: 'esm', content }, ...modules.values()],
    warnings: [
      ...result.warnings.map(({ text, location }) =>
        location ? `${location.file}:${location.line}: ${text}` : text,
      ),
      ...builtinWarnings(builtins, settings),
    ],
  };
}

function esbuildOptions(entry: string, folder: string, settings: BundleSettings): BuildOptions {
  const production = JSON.stringify(process.env.NODE_ENV || 'production');
  return {
    entryPoints: [entry],
    absWorkingDir: folder,
    outdir: dirname(entry),
    bundle: true,
    format: 'esm',
    target: 'es2024',
    supported: { 'import-source': true },
    platform: 'browser',
    conditions: ['workerd', 'worker', 'browser'],
    loader: { '.js': 'jsx', '.mjs': 'jsx', '.cjs': 'jsx' },
    external: ['__STATIC_CONTENT_MANIFEST'],
    minify: settings.minify,
    keepNames: settings.keepNames,
    define: {
      ...(knowsNavigator(settings) && { 'navigator.userAgent': '"Cloudflare-Workers"' }),
      'process.env.NODE_ENV': production,
      'global.process.env.NODE_ENV': production,
      'globalThis.process.env.NODE_ENV': production,
      ...settings.define,
    },
    ...(settings.tsconfig && { tsconfig: settings.tsconfig }),
    ...(settings.jsxFactory && { jsxFactory: settings.jsxFactory }),
    ...(settings.jsxFragment && { jsxFragment: settings.jsxFragment }),
    logLevel: 'silent',
  };
}

/** esbuild's own `alias` refuses relative targets; wrangler resolves them from the project folder. */
function aliases(alias: Readonly<Record<string, string>>, folder: string): Plugin {
  return {
    name: 'alias',
    setup(build) {
      for (const [from, to] of Object.entries(alias)) {
        const exactly = new RegExp(`^${from.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')}$`);
        build.onResolve({ filter: exactly }, ({ kind, pluginData }) =>
          pluginData === alias
            ? undefined
            : build.resolve(to, { kind, resolveDir: folder, pluginData: alias }),
        );
      }
    },
  };
}

/** `cloudflare:*`, `workerd:*` and `node:*` come from the runtime; with Node compatibility bare names of builtins do too. */
function runtimeModules(nodeCompat: boolean, builtins: Set<string>): Plugin {
  return {
    name: 'runtime-modules',
    setup(build) {
      build.onResolve({ filter: /^(cloudflare|workerd):/ }, ({ path }) => ({ path, external: true }));
      build.onResolve({ filter: /^node:/ }, ({ path }) => {
        builtins.add(path);
        return { path, external: true };
      });
      if (!nodeCompat) return;
      build.onResolve({ filter: /^[a-z_]+(\/[a-z]+)*$/ }, ({ path, kind }) =>
        kind !== 'entry-point' && isBuiltin(path) ? { path: `node:${path}`, external: true } : undefined,
      );
    },
  };
}

function builtinWarnings(builtins: ReadonlySet<string>, { compatibilityFlags }: BundleSettings): string[] {
  if (builtins.size === 0 || compatibilityFlags.some((flag) => flag.startsWith('nodejs_'))) return [];
  const imported = [...builtins].sort().join(', ');
  return [
    `The Worker imports ${imported}: add the compatibility flag nodejs_compat to make Node's modules available.`,
  ];
}

function hasNodeCompat(flags: readonly string[]): boolean {
  return flags.includes('nodejs_compat') || flags.includes('nodejs_compat_v2');
}

function knowsNavigator({ compatibilityDate, compatibilityFlags }: BundleSettings): boolean {
  if (compatibilityFlags.includes('no_global_navigator')) return false;
  return compatibilityDate >= '2022-03-21' || compatibilityFlags.includes('global_navigator');
}

function refuseUnsupportedRules(types: readonly string[]): void {
  if (types.length === 0) return;
  throw new SidecarError(
    'unsupported',
    `Module rules of the type ${types.join(', ')} are not supported: Python Workers cannot be deployed yet.`,
  );
}
