// piscina starts a file of its own, which it looks for beside itself: both have a folder of theirs, `pool`.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const SOURCE = 'node_modules/piscina/dist';

/**
 * @param {string} outdir
 * @returns {import('esbuild').BuildOptions} what the pool's bundle has of its own
 */
export function poolBundle(outdir) {
  return {
    outdir: join(outdir, 'pool'),
    outbase: SOURCE,
    entryPoints: [`${SOURCE}/main.js`, `${SOURCE}/worker.js`],
    format: 'cjs',
    // For a thread's priority, which nobody here sets.
    external: ['@napi-rs/nice'],
  };
}

/**
 * Says what kind of modules the pool's are, and by its version which library the whole of `outdir` belongs to.
 * @param {string} outdir
 */
export async function describePool(outdir) {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  await mkdir(join(outdir, 'pool'), { recursive: true });
  const description = { name: 'fluorite-flake-pool', version, private: true, type: 'commonjs' };
  await writeFile(join(outdir, 'pool/package.json'), `${JSON.stringify(description, null, 2)}\n`);
}
