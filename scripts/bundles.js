// The bundles that are published, as esbuild is to make them.
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** @satisfies {import('esbuild').BuildOptions} */
const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  outbase: '.',
  // The ES module of a package before its CommonJS one: it can be shaken, and its requires resolved.
  mainFields: ['module', 'main'],
  legalComments: 'linked',
  logLevel: 'warning',
};

// CommonJS packages that end up in an ES module still use `require` and `__filename`.
const withRequire = {
  banner: {
    js: [
      "import { createRequire as createRequire_ } from 'node:module';",
      "import { dirname as dirname_ } from 'node:path';",
      "import { fileURLToPath as fileURLToPath_ } from 'node:url';",
      'const require = createRequire_(import.meta.url);',
      'const __filename = fileURLToPath_(import.meta.url);',
      'const __dirname = dirname_(__filename);',
    ].join('\n'),
  },
};

/**
 * Library, worker and CLI.
 * @param {string} outdir
 * @returns {import('esbuild').BuildOptions[]}
 */
export function bundles(outdir) {
  return [
    {
      ...shared,
      outdir,
      entryPoints: ['src/index.ts', 'src/socket-preload.ts', 'bridge/index.ts'],
      // Not comlink: a copy of it would not know the user's own `proxy()`. Not piscina: it starts a file of its own.
      external: ['comlink', 'piscina'],
      splitting: true,
    },
    // CommonJS: a thread that need not load Node's loader of ES modules is ready a tenth sooner.
    {
      ...shared,
      outdir,
      entryPoints: ['worker/main.ts'],
      format: 'cjs',
      outExtension: { '.js': '.cjs' },
    },
    {
      ...shared,
      ...withRequire,
      outdir,
      entryPoints: ['src/cli.ts'],
      splitting: true,
      chunkNames: 'chunks/[name]-[hash]',
      // jsonc-parser's CommonJS form hides its own files from the bundler.
      mainFields: ['module', 'main'],
      // unenv: its files go into users' Workers, from where they lie.
      external: ['esbuild', 'workerd', 'unenv', '@cloudflare/unenv-preset'],
    },
  ];
}
