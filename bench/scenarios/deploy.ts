import { strictEqual } from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Closable, type MeasureContext, type Sample, type Scenario, setting } from '../scenario.js';
import { percentile } from '../stats.js';
import { type LocalTaskAccount, makeFolders, prepareAccount, writeProject } from '../tasks/account.js';
import { WORKER } from '../tasks/tasks.js';

const DEPLOYS = 12;
let versions = 0;

export const deploy: Scenario = {
  name: 'deploy',
  title: 'Deploys on the local account',
  about:
    "`sidecar.call('dashboard.deployWorker', { cwd })` of a TypeScript Worker whose source has just changed, until the new " +
    'version serves: reading the configuration, bundling, a new workerd, the swap. 1 Worker is there, or 20. Every deploy is ' +
    `checked by asking the Worker. A round is ${DEPLOYS} deploys.`,
  cases: [1, 20].map((workers) => ({
    name: workers === 1 ? '1 Worker' : `${workers} Workers`,
    payload: 'none',
    concurrency: 1,
    slow: workers > 1,
    settings: { workers },
  })),
  peers: ['sidecar.call'],
  metrics: [
    { key: 'p50Ms', label: 'p50 ms', better: 'lower', digits: 1, plot: true },
    { key: 'p99Ms', label: 'p99 ms', better: 'lower', digits: 1, plot: true },
  ],
  seconds: { full: 16, quick: 3 },
  rounds: 4,
  quickRounds: 1,
  warmUp: false,
  sliceMs: DEPLOYS,
  measure,
};

async function measure({ case: measured, sliceMs, keep }: MeasureContext): Promise<Sample> {
  const { account } = await keep(open);
  const { sidecar, project } = account;
  await fill(account, setting(measured, 'workers'));
  const times: number[] = [];
  while (times.length < sliceMs) {
    await account.write(++versions);
    const startedAt = performance.now();
    await sidecar.call('dashboard.deployWorker', { cwd: project });
    times.push(performance.now() - startedAt);
    strictEqual(await account.ask(), String(versions));
  }
  return { p50Ms: percentile(times, 50), p99Ms: percentile(times, 99) };
}

async function open(): Promise<Closable & { account: LocalTaskAccount }> {
  const account = await prepareAccount(await makeFolders());
  return { account, close: () => account.remove() };
}

/** Deploys as many other Workers as are missing. */
async function fill({ sidecar, folder }: LocalTaskAccount, workers: number): Promise<void> {
  const there = (await sidecar.call('dashboard.listWorkers')).length;
  for (let index = there; index < workers; index++) {
    const name = `${WORKER}-${index}`;
    await mkdir(join(folder, name), { recursive: true });
    await writeProject(join(folder, name), name, index);
    await sidecar.call('dashboard.deployWorker', { cwd: join(folder, name) });
  }
  strictEqual((await sidecar.call('dashboard.listWorkers')).length, workers);
}
