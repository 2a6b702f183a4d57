import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild';
import { type AdditionalModule, moduleName } from './additional-modules.js';
import { isFile } from './find-config.js';
import { type ModuleMatcher, type ModuleRules, shadowedMessage } from './module-rules.js';
import { encodingFault } from './text-file.js';
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
      build.onResolve({ filter: /^[^./][^/]*\.[^/]+$/ }, (args) => collectBare(args, collecting));
      for (const filter of rules.shadowed) {
        // What an open rule collects is resolved once more on its way.
        build.onResolve({ filter }, ({ path, pluginData }) =>
          pluginData === RESOLVING ? undefined : { errors: [{ text: shadowedMessage(path) }] },
        );
      }
    },
  };
}

async function collect(
  build: PluginBuild,
  args: OnResolveArgs,
  matcher: ModuleMatcher,
  collecting: Collecting,
): Promise<OnResolveResult> {
  const cleanPath = withoutQuery(args.path);
  const { kind, importer, resolveDir } = args;
  const inPackage = await packageFile(cleanPath, resolveDir);
  if (inPackage) return collectFile(inPackage, cleanPath, matcher, collecting);
  const resolved = await build.resolve(cleanPath, { kind, importer, resolveDir, pluginData: RESOLVING });
  if (resolved.errors.length > 0) return { errors: resolved.errors };
  return collectFile(resolved.path, cleanPath, matcher, collecting);
}

/** A package's file by its plain path: wrangler takes it whatever the package's `exports` say. */
async function packageFile(name: string, resolveDir: string): Promise<string | undefined> {
  if (/^[./#]/.test(name)) return undefined;
  for (let folder = resolveDir; ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name);
    if (await isFile(path)) return path;
    if (dirname(folder) === folder) return undefined;
  }
}

/** As wrangler 1 had it, and wrangler still has: a bare name may be a file beside the entry. */
async function collectBare(
  { path, importer, pluginData }: OnResolveArgs,
  collecting: Collecting,
): Promise<OnResolveResult | undefined> {
  const cleanPath = withoutQuery(path);
  const matcher = collecting.rules.matchers.find(
    ({ imported, isJavaScript }) => !isJavaScript && imported.test(`./${path}`),
  );
  const file = join(dirname(collecting.entry), cleanPath);
  if (!matcher || pluginData === RESOLVING || !(await isFile(file))) return undefined;
  collecting.warnings.push(`${importer} imports ${cleanPath}, a package by that name: write ./${cleanPath}.`);
  return collectFile(file, cleanPath, matcher, collecting);
}

async function collectFile(
  path: string,
  importedAs: string,
  { type }: ModuleMatcher,
  { collected, preserveFileNames, format, warnings }: Collecting,
): Promise<OnResolveResult> {
  const content = await readFile(path);
  const fault = type === 'text' ? encodingFault(content) : undefined;
  if (fault) warnings.push(`${path}: ${fault}. The Worker will see other characters.`);
  const name = preserveFileNames ? importedAs : `./${sha1(content)}-${basename(importedAs)}`;
  collected.set(name, { name, type, content });
  return format === 'modules' ? { path: name, external: true } : { path: name, namespace: globalsOf(type) };
}

function inlineGlobals(build: PluginBuild, { type }: ModuleMatcher): void {
  build.onLoad({ filter: /.*/, namespace: globalsOf(type) }, ({ path }) => ({
    contents: `export default ${globalName(path)};`,
  }));
}

/** The namespace of a service worker's files of one type. */
function globalsOf(type: UploadModule['type']): string {
  return `service-worker-${type}`;
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
