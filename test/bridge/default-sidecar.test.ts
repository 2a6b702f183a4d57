import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { SidecarOptions } from '../../bridge/index.js';
import { library, scenarioCli, temporaryFolder } from '../support/scenario.js';

const {
  createR2Bucket,
  createTauriSidecar,
  deleteR2Bucket,
  deployWorker,
  getDashboardData,
  getSidecarState,
  initializeSidecar,
  isSidecarRunning,
  listR2Buckets,
  SidecarState,
  shutdownSidecar,
} = library;

async function optionsFor(t: TestContext): Promise<SidecarOptions> {
  t.after(shutdownSidecar);
  return { cliPath: scenarioCli, env: { SCENARIO_FOLDER: await temporaryFolder(t) } };
}

test('the helpers of the reference speak to the one default sidecar', async (t) => {
  const options = await optionsFor(t);
  assert.equal(getSidecarState(), SidecarState.IDLE);
  assert.equal(isSidecarRunning(), false);
  await initializeSidecar({ ...options, ipcPort: 9123, autoRestart: true });
  assert.equal(getSidecarState(), SidecarState.RUNNING);
  assert.equal(isSidecarRunning(), true);
  assert.equal((await getDashboardData()).account.name, 'scenario');
  assert.deepEqual(await listR2Buckets(), [{ name: 'first' }]);
  assert.equal((await createR2Bucket('second')).bucket.name, 'second');
  assert.equal((await createR2Bucket({ name: 'third' })).bucket.name, 'third');
  assert.deepEqual(await deleteR2Bucket('second'), { success: true });
  assert.deepEqual(await deleteR2Bucket({ name: 'third' }), { success: true });
  assert.equal((await deployWorker({ name: 'my-worker', dryRun: true })).name, 'my-worker');
  assert.equal((await deployWorker()).success, true);
  await shutdownSidecar();
  assert.equal(isSidecarRunning(), false);
});

test('without a default sidecar the helpers reject, and a shutdown does nothing', async () => {
  await shutdownSidecar();
  for (const helper of [getDashboardData, listR2Buckets, deployWorker, () => createR2Bucket('x')]) {
    await assert.rejects(helper(), { code: 'not-running' });
  }
});

test('initialised twice it is one sidecar, and other options are refused while it runs', async (t) => {
  const options = await optionsFor(t);
  const [first, second] = await Promise.all([initializeSidecar(options), initializeSidecar()]);
  assert.equal(first, second);
  await assert.rejects(initializeSidecar(options), { code: 'invalid-option' });
  await shutdownSidecar();
  assert.notEqual(await initializeSidecar(options), first);
});

test('after a failed start it can be initialised anew', async (t) => {
  const options = await optionsFor(t);
  await assert.rejects(initializeSidecar({ cliPath: '/no/such/cli' }), { code: 'start-failed' });
  await initializeSidecar(options);
  assert.equal(isSidecarRunning(), true);
});

test('createTauriSidecar makes another one, not started', () => {
  assert.equal(createTauriSidecar().getState(), SidecarState.IDLE);
  assert.equal(getSidecarState(), SidecarState.IDLE);
});
