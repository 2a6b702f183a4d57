// The bundles that are published, as esbuild is to make them.
import { fileURLToPath } from 'node:url';
import { poolBundle } from './build-pool.js';
import { splitCommonJs } from './split-commonjs.js';

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
      // A copy of comlink would not know the user's own `proxy()`.
      external: ['comlink'],
      splitting: true,
    },
    // CommonJS, the worker and the CLI: without Node's loader of ES modules both are ready sooner.
    {
      ...shared,
      outdir,
      entryPoints: ['worker/main.ts'],
      format: 'cjs',
      outExtension: { '.js': '.cjs' },
    },
    { ...shared, ...poolBundle(outdir) },
    {
      ...shared,
      outdir,
      entryPoints: ['src/cli.ts'],
      plugins: [splitCommonJs],
      // Of vscode-jsonrpc the base class of a reader is used; as CommonJS it would come whole.
      alias: { 'vscode-jsonrpc': './node_modules/vscode-jsonrpc/lib/common/messageReader.js' },
      chunkNames: 'chunks/[name]-[hash]',
      // jsonc-parser's CommonJS form hides its own files from the bundler.
      mainFields: ['module', 'main'],
      // unenv: its files go into users' Workers, from where they lie.
      external: ['esbuild', 'workerd', 'unenv', '@cloudflare/unenv-preset'],
    },
  ];
}
