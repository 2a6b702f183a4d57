import { createRequire, isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin, PluginBuild } from 'esbuild';

/**
 * What the compatibility flags make of Node's modules: `v2` has Cloudflare's own where workerd has them and unenv's
 * where not, `v1` and `als` (AsyncLocalStorage alone) leave `node:` imports to the runtime, and so does `off`, which warns.
 */
export type NodeCompat = 'v2' | 'v1' | 'als' | 'off';

/** From this date on nodejs_compat means `v2`. */
const V2_DATE = '2024-09-23';

export function nodeCompat(date: string, flags: readonly string[]): NodeCompat {
  const has = (flag: string) => flags.includes(flag);
  if (has('nodejs_compat_v2')) return 'v2';
  if (has('nodejs_compat')) return date >= V2_DATE && !has('no_nodejs_compat_v2') ? 'v2' : 'v1';
  return has('nodejs_als') ? 'als' : 'off';
}

/** An esbuild plugin that leaves `node:` imports to the runtime and remembers them in `imported`. */
export function runtimeNodeModules(imported: Set<string>): Plugin {
  return {
    name: 'runtime-node-modules',
    setup(build) {
      build.onResolve({ filter: /^node:/ }, ({ path }) => {
        imported.add(path);
        return { path, external: true };
      });
    },
  };
}

const require = createRequire(import.meta.url);
/** What a module without a file resolves its imports from. */
const resolveDir = dirname(fileURLToPath(import.meta.url));
const REQUIRED_BUILTIN = 'required-builtin';
const REQUIRED_SHIM = 'required-shim';
const GLOBALS_FILE = '_fluorite_flake_node_globals-';

/**
 * An esbuild plugin that gives a Worker Node's modules and globals by unenv and Cloudflare's preset for it: what workerd
 * has itself stays an import, the rest is bundled from unenv, and `process` and its like are put into the global scope.
 * What is imported is remembered in `imported`.
 */
export function unenvNodeModules(date: string, flags: readonly string[], imported: Set<string>): Plugin {
  return {
    name: 'unenv-node-modules',
    async setup(build) {
      const [{ defineEnv }, { getCloudflarePreset, nonPrefixedNodeModules }] = await Promise.all([
        import('unenv'),
        import('@cloudflare/unenv-preset'),
      ]);
      const preset = getCloudflarePreset({ compatibilityDate: date, compatibilityFlags: [...flags] });
      const { env } = defineEnv({ presets: [preset], npmShims: true });
      const builtin = new RegExp(`^(?:${nonPrefixedNodeModules.map(escaped).join('|')}|node:.+)$`);
      build.onResolve({ filter: builtin }, ({ path }) => {
        imported.add(path);
        return undefined;
      });
      requiredBuiltins(build, builtin);
      // `debug` works in workerd as it is; unenv's stand-in for it says nothing.
      const { debug: _debug, ...alias } = env.alias;
      nodeDebug(build);
      aliases(build, alias, env.external);
      globals(build, env.inject, env.polyfill);
    },
  };
}

/** As wrangler has it, `debug` is that for Node and not that for browsers, whatever the package says of browsers. */
function nodeDebug(build: PluginBuild): void {
  build.onResolve({ filter: /^debug$/ }, ({ resolveDir }) => {
    try {
      return { path: createRequire(join(resolveDir, 'importer.js')).resolve('debug') };
    } catch {
      return undefined; // esbuild says that it is not there.
    }
  });
}

/** `require('fs')` in CommonJS code becomes the import that workerd knows. */
function requiredBuiltins(build: PluginBuild, builtin: RegExp): void {
  build.onResolve({ filter: builtin }, ({ path, kind }) =>
    kind === 'require-call' ? { path, namespace: REQUIRED_BUILTIN } : undefined,
  );
  build.onLoad({ filter: /.*/, namespace: REQUIRED_BUILTIN }, ({ path }) => ({
    contents: `import all from ${JSON.stringify(path)};\nmodule.exports = all;`,
    loader: 'js',
    resolveDir,
  }));
}

function aliases(build: PluginBuild, alias: Readonly<Record<string, string>>, external: readonly string[]) {
  const targets = new Map<string, { path: string; external: boolean; isShim: boolean }>();
  for (const [name, target] of Object.entries(alias)) {
    const path = resolved(target);
    if (path === undefined) continue;
    const isShim = target.startsWith('unenv/npm/') || target.startsWith('unenv/mock/');
    targets.set(name, { path, external: external.includes(target), isShim });
  }
  const filter = new RegExp(`^(?:${[...targets.keys()].map(escaped).join('|')})$`);
  build.onResolve({ filter }, ({ path: name, kind }) => {
    const target = targets.get(name);
    if (!target) return undefined;
    if (kind === 'require-call' && target.isShim) return { path: name, namespace: REQUIRED_SHIM };
    return { path: target.path, external: target.external };
  });
  // A shim's names become the properties of what `require` returns.
  build.onLoad({ filter: /.*/, namespace: REQUIRED_SHIM }, ({ path }) => ({
    contents: [
      `import * as shim from ${JSON.stringify(path)};`,
      // Not `shim.default`: where there is none, esbuild would warn of it.
      'const all = Reflect.get(shim, "default") ?? {};',
      'for (const name of Object.keys(shim)) {',
      '  if (name !== "default") Object.defineProperty(all, name, { value: shim[name], enumerable: true });',
      '}',
      'module.exports = all;',
    ].join('\n'),
    loader: 'js',
    resolveDir,
  }));
}

/** Puts names such as `process` into the global scope before the Worker's own code runs. */
function globals(
  build: PluginBuild,
  inject: Readonly<Record<string, string | readonly string[]>>,
  polyfills: readonly string[],
): void {
  const sources = new Map<string, string[]>();
  for (const [name, from] of Object.entries(inject)) {
    const [module = '', exported = 'default'] = typeof from === 'string' ? [from] : from;
    const path = resolved(module) ?? module;
    sources.set(path, [
      ...(sources.get(path) ?? []),
      `import { ${exported} as ${name}_ } from ${JSON.stringify(path)};\nglobalThis.${name} = ${name}_;`,
    ]);
  }
  const files = new Map([...sources.values()].map((lines, index) => [`${GLOBALS_FILE}${index}`, lines]));
  build.initialOptions.inject = [
    ...(build.initialOptions.inject ?? []),
    ...files.keys(),
    ...polyfills.map((module) => resolved(module) ?? module),
  ];
  const filter = new RegExp(`^${GLOBALS_FILE}\\d+$`);
  build.onResolve({ filter }, ({ path }) => ({ path, namespace: GLOBALS_FILE }));
  build.onLoad({ filter, namespace: GLOBALS_FILE }, ({ path }) => ({
    contents: (files.get(path) ?? []).join('\n'),
    loader: 'js',
    resolveDir,
  }));
}

/** A module of ours as a path: users' projects have no unenv. Undefined when there is none of that name. */
function resolved(module: string): string | undefined {
  if (isBuiltin(module)) return module;
  try {
    return require.resolve(module);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'MODULE_NOT_FOUND' || code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return undefined;
    throw error;
  }
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
