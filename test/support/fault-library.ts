import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { type BuildOptions, build } from 'esbuild';
import { ROOT } from './built.js';

// Scripts are type-checked by a configuration of their own: this one knows them by path only.
const { poolBundle, describePool } = (await import(`${ROOT}scripts/build-pool.js`)) as {
  poolBundle(outdir: string): BuildOptions;
  describePool(outdir: string): Promise<void>;
};

/**
 * Bundles the library, its worker and `programs` (which serve as CLIs or import the library by its path), once a test
 * file, as they are published: through tsx each launch would cost half a second more. All paths are from the root.
 */
export async function buildLibrary(programs: readonly string[], worker = 'worker/main.ts') {
  const folder = await mkdtemp(join(tmpdir(), 'ff-lib-'));
  after(() => rm(folder, { recursive: true, force: true }));
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const banner = "import { createRequire as r_ } from 'node:module'; const require = r_(import.meta.url);";
  const shared = {
    absWorkingDir: ROOT,
    outdir: folder,
    outbase: '.',
    bundle: true,
    logLevel: 'error',
    platform: 'node',
  } as const;
  const esm = { ...shared, format: 'esm' } as const;
  await Promise.all([
    build({ ...esm, entryPoints: ['bridge/index.ts'], packages: 'external' }),
    build({
      ...shared,
      entryPoints: [{ in: worker, out: 'worker/main' }],
      format: 'cjs',
      outExtension: { '.js': '.cjs' },
    }),
    build({ ...shared, ...poolBundle(folder) }),
    describePool(folder),
    build({ ...esm, entryPoints: [...programs], external: ['esbuild', 'workerd'], banner: { js: banner } }),
  ]);
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  const library: typeof import('../../bridge/index.js') = await import(join(folder, 'bridge/index.js'));
  return { folder, library, pathOf: (source: string) => join(folder, source.replace(/\.ts$/, '.js')) };
}
