import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { cpuTimeMs } from '../../src/accounts/local/workerd/process-record.js';
import { BUILT_LIBRARY } from '../support/built.js';
import { isRunning } from '../support/process-state.js';
import { descendantsOf } from '../support/process-tree.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';

const { TauriSidecar } = (await import(BUILT_LIBRARY)) as typeof import('../../bridge/index.js');
const folder = temporaryFolder();
let states = 0;

/** A sidecar whose Workers run: it and workerd, each by its pid. */
async function withWorker(t: TestContext, script: string, stopTimeout?: number) {
  const before = new Set(descendantsOf(process.pid).map(({ pid }) => pid));
  const stateDir = join(folder, `s${++states}`);
  const sidecar = new TauriSidecar({ account: 'local', stateDir, stopTimeout, heartbeatTimeout: 0 });
  t.after(() => sidecar.stop());
  await sidecar.start();
  await sidecar.call('dashboard.deployWorker', { name: 'w', script });
  const tree = () => descendantsOf(process.pid).filter(({ pid }) => !before.has(pid));
  const workerd = tree().find(({ command }) => /^\S*\/workerd serve/.test(command))?.pid as number;
  assert.ok(workerd > 0);
  return { sidecar, workerd, pids: tree().map(({ pid }) => pid) };
}

const living = (pids: readonly number[]) => pids.filter((pid) => isRunning(pid));

test('stop() resolves only when workerd is gone too, though a Worker spins', async (t) => {
  const { sidecar, workerd, pids } = await withWorker(t, 'export default { fetch() { for (;;); } }');
  const invoked = sidecar.call('dashboard.invokeWorker', { name: 'w' }).catch(({ code }) => code);
  const idleMs = (await cpuTimeMs(workerd)) as number;
  await until('the Worker spins', async () => ((await cpuTimeMs(workerd)) ?? 0) > idleMs + 50);
  await sidecar.stop();
  assert.deepEqual(living(pids), []);
  assert.notEqual(await invoked, undefined);
});

test('stop() of a CLI that is stopped by a signal ends it and its workerd at once, not after its time', async (t) => {
  const hour = 3_600_000;
  const { sidecar, pids } = await withWorker(t, 'export default { fetch: () => new Response() }', hour);
  process.kill(sidecar.pid as number, 'SIGSTOP');
  await sidecar.stop();
  assert.deepEqual(living(pids), []);
});

test('a stopTimeout of 0 kills the CLI, and workerd with it', async (t) => {
  const { sidecar, pids } = await withWorker(t, 'export default { fetch: () => new Response() }', 0);
  const exited = new Promise((resolve) => sidecar.once('process-exit', resolve));
  await sidecar.stop();
  assert.deepEqual(living(pids), []);
  assert.deepEqual(await exited, { code: null, signal: 'SIGKILL' });
});

test('pid names the CLI in every state that has one', async (t) => {
  const sidecar = new TauriSidecar({ account: 'local', stateDir: join(folder, 'pid'), restartDelay: 10 });
  t.after(() => sidecar.stop());
  const seen: [string, boolean][] = [];
  sidecar.on('state-change', ({ to }) => seen.push([to, isLiving(sidecar.pid)]));
  sidecar.on('ipc-connected', () => seen.push([sidecar.getState(), isLiving(sidecar.pid)]));
  assert.equal(sidecar.pid, undefined);
  await sidecar.start();
  const first: unknown = sidecar.pid;
  await sidecar.restart();
  assert.notEqual(sidecar.pid, first);
  await sidecar.stop();
  assert.deepEqual(seen, [
    ['starting', false],
    ['starting', true],
    ['running', true],
    ['restarting', true],
    ['restarting', true],
    ['running', true],
    ['stopping', true],
    ['stopped', false],
  ]);
});

const isLiving = (pid: number | undefined) => pid !== undefined && isRunning(pid);
