import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as Bridge from '../../bridge/index.js';
import { loadBridge } from '../peers/sidecar.js';
import { type TaskAccount, WORKER } from './tasks.js';

const BUCKETS = Array.from({ length: 10 }, (_, index) => `bench-bucket-${index}`);

export interface LocalTaskAccount extends TaskAccount {
  readonly folder: string;
  readonly stateDir: string;
  /** Looks at the account from outside, and for the product's own row it is what does the tasks. */
  readonly sidecar: Bridge.TauriSidecar;
  remove(): Promise<void>;
}

/** The folders of a local account, before anything runs. */
export async function makeFolders(): Promise<{ folder: string; stateDir: string; project: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'ff-bench-'));
  const project = join(folder, 'project');
  await mkdir(project);
  return { folder, stateDir: join(folder, 'state'), project };
}

/** Fills a local account with ten buckets and one Worker, through a sidecar. */
export async function prepareAccount(
  folders: Awaited<ReturnType<typeof makeFolders>>,
): Promise<LocalTaskAccount> {
  const { TauriSidecar } = await loadBridge();
  const { folder, stateDir, project } = folders;
  const sidecar = new TauriSidecar({ account: 'local', stateDir, autoRestart: false });
  await sidecar.start();
  const account: LocalTaskAccount = {
    ...folders,
    sidecar,
    buckets: BUCKETS,
    write: (version) => writeProject(project, WORKER, version),
    ask: async () => (await sidecar.call('dashboard.invokeWorker', { name: WORKER })).body,
    async remove() {
      await sidecar.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    for (const name of BUCKETS) await sidecar.call('dashboard.createR2Bucket', { name });
    await account.write(0);
    await sidecar.call('dashboard.deployWorker', { cwd: project });
    return account;
  } catch (error) {
    await account.remove();
    throw error;
  }
}

/** A TypeScript Worker of two modules that answers its version and logs each request. */
export async function writeProject(folder: string, name: string, version: number): Promise<void> {
  const config = { name, main: 'index.ts', compatibility_date: '2026-01-01', workers_dev: false };
  await Promise.all([
    writeFile(join(folder, 'wrangler.json'), JSON.stringify(config, null, 2)),
    writeFile(join(folder, 'version.ts'), `export const version: number = ${version};\n`),
    writeFile(
      join(folder, 'index.ts'),
      `import { version } from './version';

export default {
  fetch(request: Request): Response {
    console.log('asked for', request.url);
    return new Response(String(version));
  },
};
`,
    ),
  ]);
}
