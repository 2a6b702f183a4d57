import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import type { SidecarError, SidecarOptions } from '../../bridge/index.js';
import { createScenario, eventOf, isAlive, until, untilGone } from '../support/scenario.js';

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

/** The threads of this process that live. */
const threads = new Set<Worker>();
process.on('worker', (thread) => {
  threads.add(thread);
  thread.once('exit', () => threads.delete(thread));
});

test('when the thread dies its calls settle, its child goes, and another thread takes over', async (t) => {
  for (const scenario of ['', 'refuse-to-stop']) {
    const { sidecar, pids, events } = await started(t, scenario);
    const { remote } = sidecar;
    const ping = sidecar.call('system.ping', { payload: 'hang' }, { timeout: 1000 });
    const deploy = sidecar.call('project.create', { name: 'hang', path: '/tmp' });
    const settled = Promise.allSettled([
      ping,
      deploy,
      remote.call('system.ping', { payload: 'hang' }, { timeout: 1000 }),
    ]);
    const again = eventOf(sidecar, 'started');
    assert.equal(threads.size, 1);
    for (const thread of threads) void thread.terminate();
    await again;
    await untilGone(pids()[0] as number);
    assert.equal((await sidecar.call('system.ping', { payload: 'launch' })).payload, 2);
    assert.equal((await remote.call('system.ping', { payload: 'launch' })).payload, 2);
    for (const outcome of await settled) {
      if (outcome.status === 'rejected')
        assert.ok(['timeout', 'indeterminate'].includes(outcome.reason.code));
    }
    assert.equal(
      events.some(([name]) => name === 'error'),
      false,
    );
    assert.equal(threads.size, 1);
    await sidecar.stop();
    for (const pid of pids()) assert.equal(isAlive(pid), false);
    assert.equal(threads.size, 0);
  }
});

test('a thread that dies while the child is starting leaves no child', async (t) => {
  const { sidecar, pids } = await createScenario(t, 'mute');
  const starting = errorOf(sidecar.start());
  await until('a child', () => pids().length === 1);
  for (const thread of threads) void thread.terminate();
  assert.equal((await starting).code, 'worker-thread-failed');
  assert.equal(sidecar.getState(), 'error');
  await untilGone(pids()[0] as number);
});

test('a thread that dies during a stop delays nothing', async (t) => {
  const { sidecar, pids } = await started(t, 'refuse-to-stop');
  const stopping = sidecar.stop();
  await new Promise((resolve) => setImmediate(resolve));
  for (const thread of threads) void thread.terminate();
  await stopping;
  await untilGone(pids()[0] as number);
  assert.equal(sidecar.getState(), 'stopped');
});

test('a thread that dies during the backoff harms no stranger, and the attempt makes a new one', async (t) => {
  const { sidecar } = await started(t, '', { restartDelay: 100 });
  const kill = t.mock.method(process, 'kill');
  process.kill(sidecar.pid as number, 'SIGKILL');
  await eventOf(sidecar, 'process-exit');
  for (const thread of threads) void thread.terminate();
  await eventOf(sidecar, 'started');
  // The number of the child that has ended may be another process's by now.
  assert.equal(kill.mock.callCount(), 1);
  assert.equal((await sidecar.call('system.ping')).pong, true);
});
