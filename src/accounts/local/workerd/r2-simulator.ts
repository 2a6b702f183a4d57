import { access, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { SidecarError } from '../../../protocol/index.js';

/** Below the package's folder. `scripts/build-r2-simulator.js` writes it. */
const BUNDLE = join('dist', 'workerd', 'r2-simulator.js');
const BUILD_SCRIPT = join('scripts', 'build-r2-simulator.js');

/** The R2 simulator as one module for workerd. In a checkout that was never built, it is built now. */
export async function readR2Simulator(): Promise<Uint8Array> {
  const packageFolder = await findPackageFolder();
  const path = join(packageFolder, BUNDLE);
  try {
    return await readFile(path);
  } catch (cause) {
    const script = join(packageFolder, BUILD_SCRIPT);
    if (!(await exists(script))) {
      throw new SidecarError(
        'workerd-failed',
        `The R2 simulator ${path} is missing from the installed package. Reinstall fluorite-flake.`,
        { data: { stderr: [] }, cause },
      );
    }
    // A path that only a checkout has: the bundler must not follow it.
    const { buildR2Simulator } = (await import(pathToFileURL(script).href)) as {
      buildR2Simulator(): Promise<void>;
    };
    await buildR2Simulator();
    return await readFile(path);
  }
}

/** This module runs from `src`, or from any depth of `dist` once it is bundled. */
async function findPackageFolder(): Promise<string> {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!(await exists(join(folder, 'package.json'))) && dirname(folder) !== folder)
    folder = dirname(folder);
  return folder;
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
