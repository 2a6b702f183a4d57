import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { CallableMethod, RemoteTailBatch, SidecarError, SidecarOptions } from '../../bridge/index.js';
import { settle } from '../support/fault-clock.js';
import { createScenario, createSharedScenario, eventOf, library, until } from '../support/scenario.js';

const { proxy } = library;

const running = createSharedScenario();

async function started(t: TestContext, scenario = '', options: SidecarOptions = {}) {
  const made = await createScenario(t, scenario, options);
  await made.sidecar.start();
  return made;
}

const errorOf = (call: Promise<unknown>): Promise<SidecarError> =>
  call.then(
    () => assert.fail('it resolved'),
    (error: SidecarError) => error,
  );

test('remote calls return results and typed errors', async () => {
  const { sidecar } = await running();
  assert.deepEqual((await sidecar.remote.call('system.ping', { payload: 'é🔑' })).payload, 'é🔑');
  const taken = await errorOf(sidecar.remote.call('dashboard.createR2Bucket', { name: 'taken' }));
  assert.equal(taken.code, 'already-exists');
  assert.equal((taken.data.cloudflare as { status: number }).status, 409);
  const params = await errorOf(sidecar.remote.call('dashboard.createR2Bucket', { name: 'NO' }));
  assert.equal(params.code, 'invalid-params');
  assert.equal((await errorOf(sidecar.remote.call('nothing' as CallableMethod))).code, 'method-not-found');
  const timeout = await errorOf(sidecar.remote.call('system.ping', { payload: 'hang' }, { timeout: 50 }));
  assert.equal(timeout.code, 'timeout');
  const answers = await Promise.all(
    Array.from({ length: 500 }, (_, payload) => sidecar.remote.call('system.ping', { payload })),
  );
  assert.deepEqual(
    answers.map(({ payload }) => payload),
    Array.from({ length: 500 }, (_, i) => i),
  );
});

test('what cannot cross is refused, and ends nothing', async () => {
  const { sidecar } = await running();
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  assert.equal(
    (await errorOf(sidecar.remote.call('system.ping', { payload: cycle }))).code,
    'invalid-params',
  );
  const function_ = { payload: { f: () => 1 } };
  assert.deepEqual((await sidecar.remote.call('system.ping', function_)).payload, {});
});

test('before start, and after stop, a remote call is refused', async (t) => {
  const { sidecar } = await createScenario(t, '');
  assert.equal((await errorOf(sidecar.remote.call('system.ping'))).code, 'not-running');
  await sidecar.start();
  await sidecar.stop();
  assert.equal((await errorOf(sidecar.remote.call('system.ping'))).code, 'not-running');
});

test('a remote tail hands its batches to a proxy, in order, until it is stopped', async () => {
  const { sidecar, notes } = await running();
  const batches: RemoteTailBatch[] = [];
  const { tailId, closed } = await sidecar.remote.tail(
    { workerName: 'steady' },
    proxy((batch: RemoteTailBatch) => void batches.push(batch)),
  );
  await until('some batches', () => batches.length > 3);
  assert.deepEqual(
    batches.slice(0, 3).map(({ seq }) => seq),
    [0, 1, 2],
  );
  assert.match(JSON.stringify(batches[0]?.events[0]?.logs), /line 0/);
  await sidecar.remote.call('dashboard.stopTail', { tailId });
  await until('the end at the server', () => notes().includes('tail closed steady'));
  assert.equal((await closed).reason, 'stopped');
});

test('the end of a remote tail is told when its callback is done, or at once when there is no connection', async (t) => {
  const { sidecar } = await started(t, '', { restartDelay: 10 });
  let done = 0;
  const { closed } = await sidecar.remote.tail({ workerName: 'flood-300' }, async ({ events }) => {
    await settle(20);
    done += events.length;
  });
  const steady = await sidecar.remote.tail({ workerName: 'steady' }, () => {});
  const stuck = await sidecar.remote.tail({ workerName: 'steady' }, () => new Promise(() => {}));
  await until('all of the flood', () => done === 300);
  process.kill(sidecar.pid as number, 'SIGKILL');
  for (const tail of [steady, stuck]) {
    assert.deepEqual(
      [(await tail.closed).reason, (await tail.closed).error?.code],
      ['error', 'connection-lost'],
    );
  }
  assert.notEqual((await closed).reason, 'stopped');
});

test('a callback that is no proxy yet is made one', async () => {
  const { sidecar } = await running();
  const first = new Promise<RemoteTailBatch>((resolve, reject) => {
    sidecar.remote.tail({ workerName: 'steady' }, (batch) => resolve(batch)).catch(reject);
  });
  assert.equal((await first).seq, 0);
});

test('a slow remote consumer is not flooded, and what it missed is counted', async (t) => {
  const { sidecar } = await started(t);
  let received = 0;
  let dropped = 0;
  let largest = 0;
  await sidecar.remote.tail({ workerName: 'flood-40000' }, async ({ events, dropped: missed }) => {
    received += events.length;
    dropped += missed;
    largest = Math.max(largest, events.length);
    await settle();
  });
  await until('the last event', () => received + dropped > 30_000 || dropped > 0);
  assert.ok(largest < 1000);
});

test('an unknown Worker rejects the remote tail', async () => {
  const { sidecar } = await running();
  assert.equal((await errorOf(sidecar.remote.tail({ workerName: 'missing' }, () => {}))).code, 'not-found');
});

test('remote calls wait while the sidecar restarts, within their timeout', async (t) => {
  const { sidecar } = await started(t, '', { restartDelay: 200 });
  process.kill(sidecar.pid as number, 'SIGKILL');
  await eventOf(sidecar, 'process-exit');
  assert.equal((await errorOf(sidecar.remote.call('system.ping', {}, { timeout: 20 }))).code, 'timeout');
  assert.equal((await sidecar.remote.call('system.ping', { payload: 'launch' })).payload, 2);
});

test('remote calls in flight at the child’s death are repeated when that is safe, else indeterminate', async (t) => {
  const { sidecar } = await started(t);
  const deploy = errorOf(sidecar.remote.call('dashboard.deployWorker', { name: 'kill-child' }));
  const ping = sidecar.remote.call('system.ping', { payload: 'die-once' });
  assert.equal((await deploy).code, 'indeterminate');
  assert.equal((await ping).payload, 'die-once');
});
