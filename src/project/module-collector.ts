import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild';
import type { ModuleMatcher, ModuleRules } from './module-rules.js';
import type { UploadModule } from './upload.js';

const RESOLVING = Symbol('resolving');

/**
 * An esbuild plugin that leaves imports of text, data and WebAssembly files as imports and puts the files into
 * `modules`, under wrangler's names: `./<sha1 of the content>-<file name>`.
 */
export function moduleCollector(
  rules: ModuleRules,
  modules: Map<string, UploadModule>,
  preserveFileNames: boolean,
): Plugin {
  return {
    name: 'module-collector',
    setup(build) {
      for (const matcher of rules.matchers.filter(({ isJavaScript }) => !isJavaScript)) {
        build.onResolve({ filter: matcher.pattern }, (args) =>
          args.pluginData === RESOLVING
            ? undefined
            : collect(build, args, matcher, modules, preserveFileNames),
        );
      }
      for (const filter of rules.shadowed) {
        build.onResolve({ filter }, ({ path }) => ({
          errors: [
            {
              text: `${path} matches a module rule that an earlier rule of the same type hides. Give that one "fallthrough": true.`,
            },
          ],
        }));
      }
    },
  };
}

async function collect(
  build: PluginBuild,
  args: OnResolveArgs,
  matcher: ModuleMatcher,
  modules: Map<string, UploadModule>,
  preserveFileNames: boolean,
): Promise<OnResolveResult> {
  const [cleanPath = args.path] = args.path.split('?');
  const { kind, importer, resolveDir } = args;
  const resolved = await build.resolve(cleanPath, { kind, importer, resolveDir, pluginData: RESOLVING });
  if (resolved.errors.length > 0) return { errors: resolved.errors };
  const content = await readFile(resolved.path);
  const name = preserveFileNames ? cleanPath : `./${sha1(content)}-${basename(cleanPath)}`;
  modules.set(name, { name, type: matcher.type, content });
  return { path: name, external: true, watchFiles: [resolved.path] };
}

function sha1(content: Uint8Array): string {
  return createHash('sha1').update(content).digest('hex');
}
