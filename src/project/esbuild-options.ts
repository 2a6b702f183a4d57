import { parse } from 'node:path';
import type { BuildOptions, Plugin } from 'esbuild';
import type { BundleSettings } from './bundle.js';
import { COMMON_OPTIONS, type WorkerFormat } from './worker-format.js';

/** The settings that wrangler gives esbuild for a deploy, and those of the project. */
export function esbuildOptions(
  entry: string,
  folder: string,
  format: WorkerFormat,
  settings: BundleSettings,
): BuildOptions {
  const production = JSON.stringify(process.env.NODE_ENV || 'production');
  return {
    ...COMMON_OPTIONS,
    entryPoints: [entry],
    absWorkingDir: folder,
    // Nothing is written; the source map's paths start here.
    outdir: folder,
    entryNames: parse(entry).name,
    bundle: true,
    format: format === 'modules' ? 'esm' : 'iife',
    platform: 'browser',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['__STATIC_CONTENT_MANIFEST'],
    sourcemap: settings.uploadSourceMaps ? 'linked' : false,
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
    // wrangler's defaults: stated, they win over the tsconfig's.
    jsxFactory: settings.jsxFactory || 'React.createElement',
    jsxFragment: settings.jsxFragment || 'React.Fragment',
    logLevel: 'silent',
  };
}

function knowsNavigator({ compatibilityDate, compatibilityFlags }: BundleSettings): boolean {
  if (compatibilityFlags.includes('no_global_navigator')) return false;
  return compatibilityDate >= '2022-03-21' || compatibilityFlags.includes('global_navigator');
}

/** esbuild's own `alias` refuses relative targets; wrangler resolves them from the project folder. */
export function aliases(alias: Readonly<Record<string, string>>, folder: string): Plugin {
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
