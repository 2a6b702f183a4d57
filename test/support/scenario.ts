import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import type { SidecarEvents, SidecarOptions, TauriSidecar } from '../../bridge/index.js';
import { buildLibrary } from './fault-library.js';
import { isRunning } from './process-state.js';
import { HANG_MS, until, within } from './until.js';

export { until };

/** The library and the scenario CLI, built once a test file. */
const bundles = await buildLibrary(['test/support/scenario-cli.ts']);
export const built = bundles.folder;
export const scenarioCli = bundles.pathOf('test/support/scenario-cli.ts');
export const { library } = bundles;

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fluorite-bridge-'));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

export interface Scenario {
  sidecar: TauriSidecar;
  folder: string;
  /** Every event so far, as its name and first argument. */
  events: [keyof SidecarEvents, unknown][];
  /** The process ids of every child that was launched. */
  pids(): number[];
  notes(): string[];
}

const EVENT_NAMES = [
  'started',
  'stopped',
  'error',
  'state-change',
  'process-error',
  'process-exit',
  'ipc-connected',
  'ipc-disconnected',
  'ipc-error',
  'max-restarts-reached',
  'restart-failed',
] as const satisfies (keyof SidecarEvents)[];

/** A sidecar over the scenario CLI. When the test ends it is stopped, and every child of it must be gone. */
export async function createScenario(
  t: { after(close: () => Promise<void>): void },
  scenario: string,
  options: SidecarOptions = {},
): Promise<Scenario> {
  const folder = await mkdtemp(join(tmpdir(), 'fluorite-bridge-'));
  const sidecar = new library.TauriSidecar({
    cliPath: scenarioCli,
    restartDelay: 10,
    // A busy machine is no fault: a test that means these limits sets its own.
    startTimeout: HANG_MS,
    heartbeatTimeout: HANG_MS,
    ...options,
    env: { SCENARIO: scenario, SCENARIO_FOLDER: folder, ...options.env },
  });
  const events: Scenario['events'] = [];
  for (const name of EVENT_NAMES) sidecar.on(name, (argument?: unknown) => events.push([name, argument]));
  const pids = () => linesOf(join(folder, 'launches')).map(Number);
  t.after(async () => {
    await sidecar.stop();
    for (const pid of pids()) await untilGone(pid);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  });
  return { sidecar, folder, events, pids, notes: () => linesOf(join(folder, 'notes')) };
}

/** One running sidecar for all tests of a file that leave it as they found it; its notes are those since it was asked for. */
export function createSharedScenario(): () => Promise<Scenario> {
  let starting: Promise<Scenario> | undefined;
  let close = async () => {};
  // Registered here: within a test it would end with that test.
  after(() => close());
  const keep = (stop: () => Promise<void>) => {
    close = stop;
  };
  const start = async () => {
    const scenario = await createScenario({ after: keep }, '');
    await scenario.sidecar.start();
    return scenario;
  };
  return async () => {
    starting ??= start();
    const scenario = await starting;
    const before = scenario.notes().length;
    return { ...scenario, notes: () => scenario.notes().slice(before) };
  };
}

function linesOf(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
}

/** Waits for one event. */
export async function eventOf<K extends keyof SidecarEvents>(
  sidecar: TauriSidecar,
  name: K,
): Promise<SidecarEvents[K]> {
  // Not the `once` of node:events: it rejects at an `error` event, which some tests expect beside what they wait for.
  const told = new Promise<SidecarEvents[K]>((resolve) => {
    (sidecar as import('node:events').EventEmitter).once(name, (...args) =>
      resolve(args as SidecarEvents[K]),
    );
  });
  return within(`the event ${name}`, told);
}

/** Whether a process runs; a zombie does not. */
export const isAlive = isRunning;

export function untilGone(pid: number): Promise<void> {
  return until(`process ${pid} ends`, () => !isAlive(pid));
}

/** Process ids of the children of `pid`, zombies included. */
export async function childrenOf(pid: number): Promise<number[]> {
  const found: number[] = [];
  for (const task of await readdir(`/proc/${pid}/task`)) {
    const text = await readFile(`/proc/${pid}/task/${task}/children`, 'latin1').catch(() => '');
    found.push(...text.trim().split(' ').filter(Boolean).map(Number));
  }
  return found;
}
