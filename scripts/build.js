// Builds what is published: three bundles (library, worker, CLI), one folder tree with the sources' names,
// and the type declarations. `--no-types` skips the declarations. Everything is built beside `dist` and takes its place
// at the end: a build that fails or is killed leaves the old one as it was.
import { spawnSync } from 'node:child_process';
import { cp, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describePool } from './build-pool.js';
import { buildR2Simulator } from './build-r2-simulator.js';
import { bundles } from './bundles.js';
import { declareCommonJs } from './declare-commonjs.js';
import { replaceFolder } from './replace-folder.js';

const root = fileURLToPath(new URL('..', import.meta.url));

await replaceFolder(join(root, 'dist'), async (outdir) => {
  const startedAt = new Date();
  await bundle(outdir);
  const types = !process.argv.includes('--no-types');
  if (types) declareTypes(outdir);
  await declareCommonJs(outdir, ['src/index', 'bridge/index'], { types });
  // Dated to before the sources were read: what is changed during the build counts as newer, see build-if-needed.js.
  await utimes(join(outdir, 'src', 'cli.cjs'), startedAt, startedAt);
});

/** @param {string} outdir */
async function bundle(outdir) {
  await Promise.all([
    buildR2Simulator(outdir),
    ...bundles(outdir).map((options) => build(options)),
    copyTemplates(outdir),
    describePool(outdir),
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
