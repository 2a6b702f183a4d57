// Builds what is published: three bundles (library, worker, CLI), one folder tree with the sources' names,
// and the type declarations. `--no-types` skips the declarations. Everything is built beside `dist` and takes its place
// at the end: a build that fails or is killed leaves the old one as it was.
import { spawnSync } from 'node:child_process';
import { cp, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildR2Simulator } from './build-r2-simulator.js';
import { replaceFolder } from './replace-folder.js';

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

await replaceFolder(join(root, 'dist'), async (outdir) => {
  const startedAt = new Date();
  await bundle(outdir);
  if (!process.argv.includes('--no-types')) declareTypes(outdir);
  // Dated to before the sources were read: what is changed during the build counts as newer, see build-if-needed.js.
  await utimes(join(outdir, 'src', 'cli.js'), startedAt, startedAt);
});

/** @param {string} outdir */
async function bundle(outdir) {
  await Promise.all([
    buildR2Simulator(outdir),
    build({
      ...shared,
      outdir,
      entryPoints: ['src/index.ts', 'src/socket-preload.ts', 'bridge/index.ts'],
      // Not comlink: a copy of it would not know the user's own `proxy()`. Not piscina: it starts a file of its own.
      external: ['comlink', 'piscina'],
      splitting: true,
    }),
    // CommonJS: a thread that need not load Node's loader of ES modules is ready a tenth sooner.
    build({
      ...shared,
      outdir,
      entryPoints: ['worker/main.ts'],
      format: 'cjs',
      outExtension: { '.js': '.cjs' },
    }),
    build({
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
    }),
    copyTemplates(outdir),
  ]);
}

/** @param {string} outdir */
function declareTypes(outdir) {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { status } = spawnSync(
    process.execPath,
    [tsc, '--emitDeclarationOnly', '--project', 'tsconfig.build.json', '--outDir', outdir],
    { cwd: root, stdio: 'inherit' },
  );
  if (status !== 0) throw new Error(`The type declarations could not be made: tsc ended with ${status}.`);
}

/**
 * The files of `project.create` go out as they are.
 * @param {string} outdir
 */
function copyTemplates(outdir) {
  const templates = 'src/project/templates';
  return cp(join(root, templates), join(outdir, templates), { recursive: true });
}
