import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { SidecarError } from '../../../protocol/index.js';
import { isShortage } from '../../../protocol/system-error.js';

export interface WorkerdBinary {
  path: string;
  /** Newest compatibility date the binary surely accepts, `YYYY-MM-DD`: the date it was built for. */
  compatibilityDate: string;
}

/**
 * Finds the workerd to run: `FLUORITE_FLAKE_WORKERD`, or the binary of the optional package `workerd`.
 * npm may have skipped the package's postinstall script, so the platform package that holds the binary is asked directly.
 * @throws SidecarError `unsupported-platform` on Windows, `workerd-missing` when there is none or it does not run.
 */
export async function findWorkerd(env: NodeJS.ProcessEnv = process.env): Promise<WorkerdBinary> {
  if (process.platform === 'win32') {
    throw new SidecarError(
      'unsupported-platform',
      'Local Workers, KV and R2 need workerd on unix sockets, which Windows does not offer to it. Use WSL, or give Cloudflare credentials to use the cloud account.',
    );
  }
  const path = env.FLUORITE_FLAKE_WORKERD || packagedBinary();
  return { path, compatibilityDate: await versionDate(path) };
}

function packagedBinary(): string {
  const require = createRequire(import.meta.url);
  // The workerd package names its platform packages `-64` where Node says `x64`.
  const target = `${process.platform}-${process.arch === 'x64' ? '64' : process.arch}`;
  const platformPackage = `@cloudflare/workerd-${target}`;
  const resolvers = [
    () => require.resolve(`${platformPackage}/package.json`),
    // pnpm and other strict layouts show the platform package only to `workerd` itself.
    () => createRequire(require.resolve('workerd/package.json')).resolve(`${platformPackage}/package.json`),
  ];
  let cause: unknown;
  for (const resolve of resolvers) {
    try {
      return join(dirname(resolve()), 'bin', 'workerd');
    } catch (error) {
      cause = error;
    }
  }
  throw new SidecarError(
    'workerd-missing',
    `Local Workers, KV and R2 need the optional package workerd, and ${platformPackage} is not installed. Install it with \`npm install workerd\` (without --omit=optional), or set FLUORITE_FLAKE_WORKERD to the path of a workerd binary.`,
    { data: { package: platformPackage }, cause },
  );
}

async function versionDate(path: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(path, ['--version'], { env: {}, timeout: 15_000 });
    const date = /\d{4}-\d{2}-\d{2}/.exec(stdout)?.[0];
    if (date !== undefined) return date;
    throw new Error(`--version printed ${JSON.stringify(stdout.slice(0, 200))}`);
  } catch (cause) {
    // The system has no room for a process: nothing is missing.
    if (isShortage(cause)) throw SidecarError.from(cause);
    throw new SidecarError(
      'workerd-missing',
      `The workerd binary ${path} could not be run: ${(cause as Error).message.split('\n')[0]}. Reinstall the package workerd, or set FLUORITE_FLAKE_WORKERD to one that runs.`,
      { data: { path }, cause },
    );
  }
}
