import { relative } from 'node:path';
import { SidecarError } from '../protocol/index.js';
import { buildFailed } from './build-failed.js';
import { runEsbuild } from './esbuild-service.js';

/** How a Worker hands its handlers over: as the default export of a module, or by addEventListener. */
export type WorkerFormat = 'modules' | 'service-worker';

/** What wrangler gives esbuild for every Worker. */
export const COMMON_OPTIONS = {
  target: 'es2024',
  supported: { 'import-source': true },
  loader: { '.js': 'jsx', '.mjs': 'jsx', '.cjs': 'jsx' },
} as const;

/**
 * The format of the Worker whose entry file is `entry`, told by its own exports as wrangler tells it: a default export
 * makes a module.
 * @throws SidecarError `build-failed` when the file cannot be parsed; `cancelled`.
 */
export async function workerFormat(
  entry: string,
  folder: string,
  tsconfig: string | undefined,
  signal: AbortSignal,
): Promise<{ format: WorkerFormat; warnings: string[] }> {
  const result = await runEsbuild(
    {
      ...COMMON_OPTIONS,
      entryPoints: [entry],
      absWorkingDir: folder,
      bundle: false,
      write: false,
      metafile: true,
      ...(tsconfig && { tsconfig }),
      logLevel: 'silent',
    },
    signal,
  ).catch((error) => {
    throw buildFailed(entry, folder, error);
  });
  const [output] = Object.values(result.metafile.outputs).filter(
    ({ entryPoint }) => entryPoint !== undefined,
  );
  const exported = output?.exports ?? [];
  if (exported.includes('default')) return { format: 'modules', warnings: [] };
  if (exported.length === 0) return { format: 'service-worker', warnings: [] };
  const warning =
    `${relative(folder, entry)} exports ${exported.join(', ')} and no default: it was built in the service-worker format. ` +
    'Export the handlers, as in `export default { fetch(request, env, ctx) { … } }`, to make it a module.';
  return { format: 'service-worker', warnings: [warning] };
}

/**
 * Refuses a service worker that listens to nothing: its author meant a module and forgot the default export.
 * @throws SidecarError `unsupported`.
 */
export function requireListener(name: string, source: string): void {
  if (/\baddEventListener\b/.test(source)) return;
  throw new SidecarError(
    'unsupported',
    `${name} has no default export and calls no addEventListener, so that nothing would answer. ` +
      'Export the handlers, as in `export default { fetch(request, env, ctx) { … } }`.',
  );
}
