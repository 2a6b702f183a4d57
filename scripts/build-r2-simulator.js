// Bundles miniflare's R2 simulator (MIT, see THIRD_PARTY_NOTICES.md) into one module that runs inside workerd.
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));

/** What R2 takes for an object's metadata by now: https://developers.cloudflare.com/r2/platform/limits/ */
const METADATA_BYTES = { old: 'MAX_METADATA_SIZE: 2048', current: 'MAX_METADATA_SIZE: 8192' };

/** @param {import('esbuild').PluginBuild} build */
function raiseLimits(build) {
  build.onLoad({ filter: /bucket\.worker\.js$/ }, async ({ path }) => {
    const source = await readFile(path, 'utf8');
    const { old, current } = METADATA_BYTES;
    if (source.split(old).length !== 2)
      throw new Error(`${path} has no ${old}: look whether it has the limit of R2 now.`);
    return { contents: source.replace(old, current), loader: 'js' };
  });
}

/**
 * Writes `workerd/r2-simulator.js` below `folder`, in one step: a reader finds all of it or nothing.
 * @param {string} [folder] default `dist`
 */
export async function buildR2Simulator(folder = DIST) {
  const output = join(folder, 'workerd', 'r2-simulator.js');
  const main = createRequire(import.meta.url).resolve('miniflare');
  const workers = join(dirname(main), 'workers');
  const temporary = `${output}.${process.pid}`;
  await mkdir(dirname(output), { recursive: true });
  try {
    await build({
      entryPoints: [join(workers, 'r2', 'bucket.worker.js')],
      outfile: temporary,
      bundle: true,
      minify: true,
      format: 'esm',
      target: 'es2022',
      platform: 'neutral',
      external: ['node:*', 'cloudflare:*'],
      alias: {
        'miniflare:shared': join(workers, 'shared', 'index.worker.js'),
        'miniflare:zod': join(workers, 'shared', 'zod.worker.js'),
        // workerd's internal modules are miniflare's to import; every Worker may import these.
        'node-internal:internal_assert': 'node:assert',
        'node-internal:internal_buffer': 'node:buffer',
      },
      plugins: [{ name: 'limits', setup: raiseLimits }],
      banner: {
        js: '/* R2 simulator of miniflare, MIT, Copyright (c) Cloudflare, Inc.: see THIRD_PARTY_NOTICES.md */',
      },
      legalComments: 'inline',
      logLevel: 'warning',
    });
    await rename(temporary, output);
  } finally {
    await rm(temporary, { force: true });
  }
}
