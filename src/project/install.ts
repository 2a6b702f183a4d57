import type { PrepareContext } from './prepare-upload.js';
import { runProgram } from './run-program.js';

/** One fixed argument list a package manager: nothing of it comes from the caller. */
const INSTALL_ARGUMENTS = {
  npm: ['install', '--no-audit', '--no-fund'],
  pnpm: ['install'],
  yarn: ['install'],
  bun: ['install'],
} as const;
export type PackageManager = keyof typeof INSTALL_ARGUMENTS;

/** Installs the dependencies of the project in `folder`. */
export async function installDependencies(
  folder: string,
  packageManager: PackageManager,
  context: PrepareContext,
): Promise<void> {
  context.progress({ message: `Installing the dependencies with ${packageManager}` });
  await runProgram(packageManager, INSTALL_ARGUMENTS[packageManager], folder, context.signal);
}
