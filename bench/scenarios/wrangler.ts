import { deepStrictEqual } from 'node:assert/strict';
import type { MeasureContext, Sample, Scenario } from '../scenario.js';
import { taskRunners } from '../tasks/index.js';
import { type Tasks, WORKER } from '../tasks/tasks.js';

/** Each does one task, checks what came of it, and returns how long the tool took. */
const TASKS: Record<string, (tasks: Tasks) => Promise<number>> = {
  'list buckets': async (tasks) => {
    const { value, ms } = await timed(() => tasks.listBuckets());
    deepStrictEqual(value.sort(), [...tasks.account.buckets].sort());
    return ms;
  },
  deploy: async (tasks) => {
    const version = ++versions;
    await tasks.account.write(version);
    const { ms } = await timed(() => tasks.deploy());
    deepStrictEqual(await tasks.account.ask(), String(version));
    return ms;
  },
  'first tail line': async (tasks) => {
    const { value, ms } = await timed(() => tasks.firstTailLine());
    deepStrictEqual(value.scriptName, WORKER);
    return ms;
  },
};
let versions = 0;

export const wrangler: Scenario = {
  name: 'wrangler',
  title: 'Tasks, against the wrangler CLI',
  about:
    'What a user would do otherwise: `wrangler`, started anew for each task, on the same local account (ten buckets, one Worker), ' +
    "whose API it reaches over a unix socket; this package's own CLI, started anew for each task too; and a sidecar that runs " +
    'already. The account is open and workerd runs in all three. A deploy bundles a TypeScript Worker that was just changed; ' +
    'the first tail line comes from a Worker that is asked every 10 ms.',
  cases: Object.keys(TASKS).map((name) => ({ name, payload: 'none', concurrency: 1, settings: {} })),
  peers: Object.keys(taskRunners),
  metrics: [{ key: 'taskMs', label: 'ms', better: 'lower', digits: 1, plot: true }],
  seconds: { full: 32, quick: 8 },
  rounds: 5,
  quickRounds: 1,
  warmUp: false,
  sliceMs: 0,
  measure,
};

async function measure({ peerName, case: measured, keep }: MeasureContext): Promise<Sample> {
  const open = taskRunners[peerName];
  const task = TASKS[measured.name];
  if (!open || !task) throw new Error(`Nobody does "${measured.name}" as "${peerName}".`);
  return { taskMs: await task(await keep(open)) };
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const startedAt = performance.now();
  const value = await work();
  return { value, ms: performance.now() - startedAt };
}
