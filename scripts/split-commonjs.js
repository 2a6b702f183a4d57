// CommonJS in several files: esbuild splits ES modules only. So it splits first, and each file is then made CommonJS.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { transform } from 'esbuild';

/** A file of the bundle that is loaded when it is first needed, with the name it has in the output. */
const LAZY_CHUNK = /\bimport\(("\.\.?\/[^"]+\.cjs")\)/g;

/**
 * For a build with `splitting`: its files come out as CommonJS, `.cjs`. Lazy files of the bundle are required, which
 * spares a process Node's loader of ES modules; packages that are left outside are imported as before.
 * @type {import('esbuild').Plugin}
 */
export const splitCommonJs = {
  name: 'split-commonjs',
  setup({ initialOptions, onEnd }) {
    const { write = true, target } = initialOptions;
    Object.assign(initialOptions, {
      write: false,
      format: 'esm',
      splitting: true,
      outExtension: { '.js': '.cjs' },
    });
    onEnd(async ({ outputFiles = [] }) => {
      if (!write) return;
      await Promise.all(
        outputFiles.map(async ({ path, text }) => {
          await mkdir(dirname(path), { recursive: true });
          const isScript = text.startsWith('#!');
          const content = path.endsWith('.cjs') ? await toCommonJs(text, target) : text;
          await writeFile(path, content, { mode: isScript ? 0o755 : 0o644 });
        }),
      );
    });
  },
};

/**
 * @param {string} text of an ES module
 * @param {import('esbuild').TransformOptions['target']} target
 */
async function toCommonJs(text, target) {
  const lazy = text.replace(LAZY_CHUNK, 'Promise.resolve().then(() => require($1))');
  const banner = ['"use strict";'];
  if (lazy.includes('import.meta.url')) {
    banner.push("const importMetaUrl = require('node:url').pathToFileURL(__filename).href;");
  }
  const { code } = await transform(lazy, {
    format: 'cjs',
    platform: 'node',
    target,
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: banner.join('\n'),
  });
  return code;
}
