// Builds what is published: three bundles (library, worker, CLI), one folder tree with the sources' names,
// and the type declarations. `--no-types` skips the declarations.
import { spawnSync } from 'node:child_process';
import { cp, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildR2Simulator } from './build-r2-simulator.js';

const root = fileURLToPath(new URL('..', import.meta.url));

const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  outdir: 'dist',
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

await rm(`${root}/dist`, { recursive: true, force: true });
await Promise.all([
  buildR2Simulator(),
  build({
    ...shared,
    entryPoints: ['src/index.ts', 'bridge/index.ts'],
    // Not comlink: a copy of it would not know the user's own `proxy()`. Not piscina: it starts a file of its own.
    external: ['comlink', 'piscina'],
    splitting: true,
  }),
  build({ ...shared, ...withRequire, entryPoints: ['worker/main.ts'] }),
  build({
    ...shared,
    ...withRequire,
    entryPoints: ['src/cli.ts'],
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    // jsonc-parser's CommonJS form hides its own files from the bundler.
    mainFields: ['module', 'main'],
    external: ['esbuild', 'workerd'],
  }),
  copyTemplates(),
]);

if (!process.argv.includes('--no-types')) {
  const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
  const { status } = spawnSync(
    process.execPath,
    [tsc, '--emitDeclarationOnly', '--project', 'tsconfig.build.json'],
    {
      cwd: root,
      stdio: 'inherit',
    },
  );
  if (status !== 0) process.exit(status ?? 1);
}

/** The files of `project.create` go out as they are. */
function copyTemplates() {
  const templates = 'src/project/templates';
  return cp(`${root}/${templates}`, `${root}/dist/${templates}`, { recursive: true });
}
