import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild';
import { type AdditionalModule, moduleName } from './additional-modules.js';
import { isFile } from './find-config.js';
import { type ModuleMatcher, type ModuleRules, shadowedMessage } from './module-rules.js';
import type { UploadModule } from './upload.js';
import type { WorkerFormat } from './worker-format.js';

const RESOLVING = Symbol('resolving');

export interface Collecting {
  rules: ModuleRules;
  /** What was found below the module root: imports of it stay imports. */
  additional: readonly AdditionalModule[];
  preserveFileNames: boolean;
  format: WorkerFormat;
  entry: string;
  /** Receives every file that an import names, by its module name. */
  collected: Map<string, UploadModule>;
  warnings: string[];
}

/**
 * An esbuild plugin that leaves imports of text, data and WebAssembly files as imports and collects the files under
 * wrangler's names: `./<sha1 of the content>-<file name>`. A service worker has no imports: there the file becomes a
 * global, and the import its value.
 */
export function moduleCollector(collecting: Collecting): Plugin {
  const { rules, additional } = collecting;
  const found = new Map(additional.map((module) => [module.path, module]));
  return {
    name: 'module-collector',
    setup(build) {
      for (const matcher of rules.matchers) {
        if (matcher.isJavaScript && found.size === 0) continue;
        build.onResolve({ filter: matcher.imported }, (args) => {
          if (args.pluginData === RESOLVING || args.kind === 'entry-point') return undefined;
          const module = found.get(join(args.resolveDir, withoutQuery(args.path)));
          if (module) return { path: importOf(collecting.entry, module, args), external: true };
          return matcher.isJavaScript ? undefined : collect(build, args, matcher, collecting);
        });
        if (!matcher.isJavaScript && collecting.format === 'service-worker') inlineGlobals(build, matcher);
      }
      for (const filter of rules.shadowed) {
        build.onResolve({ filter }, ({ path }) => ({ errors: [{ text: shadowedMessage(path) }] }));
      }
    },
  };
}

async function collect(
  build: PluginBuild,
  args: OnResolveArgs,
  matcher: ModuleMatcher,
  { collected, preserveFileNames, format, entry, warnings }: Collecting,
): Promise<OnResolveResult> {
  const cleanPath = withoutQuery(args.path);
  const { kind, importer, resolveDir } = args;
  const resolved = await build.resolve(cleanPath, { kind, importer, resolveDir, pluginData: RESOLVING });
  let path = resolved.path;
  if (resolved.errors.length > 0) {
    // As wrangler 1 had it: a bare name is a file beside the entry.
    path = join(dirname(entry), cleanPath);
    if (!(await isFile(path))) return { errors: resolved.errors };
    warnings.push(
      `${importer} imports ${cleanPath}: write ./${cleanPath}, the name without ./ is a package's.`,
    );
  }
  const content = await readFile(path);
  const name = preserveFileNames ? cleanPath : `./${sha1(content)}-${basename(cleanPath)}`;
  collected.set(name, { name, type: matcher.type, content });
  return format === 'modules'
    ? { path: name, external: true }
    : { path: name, namespace: `service-worker-${matcher.type}`, watchFiles: [path] };
}

function inlineGlobals(build: PluginBuild, { type }: ModuleMatcher): void {
  build.onLoad({ filter: /.*/, namespace: `service-worker-${type}` }, ({ path }) => ({
    contents: `export default ${globalName(path)};`,
  }));
}

/** The global that a service worker sees a file as. */
export function globalName(moduleName: string): string {
  return moduleName.replace(/[^a-zA-Z0-9_$]/g, '_');
}

/** The bundle lies where the entry was, so that a file's own import may need another way. */
function importOf(entry: string, module: AdditionalModule, args: OnResolveArgs): string {
  if (args.resolveDir === dirname(entry)) return withoutQuery(args.path);
  return `./${moduleName(dirname(entry), module.path)}`;
}

function withoutQuery(path: string): string {
  return path.split('?')[0] ?? path;
}

function sha1(content: Uint8Array): string {
  return createHash('sha1').update(content).digest('hex');
}
