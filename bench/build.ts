import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { installPackage } from '../test/support/installed-package.js';

const root = fileURLToPath(new URL('..', import.meta.url));

export interface Built {
  /** Holds host.js, synthetic-server.js, peers/servers/*.js and probes/*.js. */
  folder: string;
  remove(): Promise<void>;
}

/**
 * Builds what runs while the clock does: a TypeScript loader in those processes would be measured too.
 * The folder is an app with the packed package installed in it, as users have it: what is built meanwhile changes nothing.
 * It lies inside the repository, for the peers' packages to be found from it.
 */
export async function buildBench(options: { synthetic: boolean }): Promise<Built> {
  await mkdir(join(root, 'bench', '.build'), { recursive: true });
  const folder = await mkdtemp(join(root, 'bench', '.build', 'run-'));
  await writeFile(
    join(folder, 'package.json'),
    '{ "name": "bench-app", "private": true, "type": "module" }\n',
  );
  installPackage(folder);
  const shared = {
    absWorkingDir: root,
    outdir: folder,
    outbase: 'bench',
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    define: { BENCH_BUILT_FOLDER: JSON.stringify(folder) },
    logLevel: 'warning',
  } as const;
  await build({
    ...shared,
    entryPoints: ['bench/host.ts', 'bench/peers/servers/*.ts', 'bench/probes/*.ts'],
    packages: 'external',
  });
  // Bundled as the CLI is.
  if (options.synthetic) {
    await build({
      ...shared,
      entryPoints: ['bench/synthetic-server.ts'],
      external: ['esbuild', 'workerd'],
      banner: {
        js: "import { createRequire as bundledRequire } from 'node:module'; const require = bundledRequire(import.meta.url);",
      },
    });
  }
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}
