import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { CallableMethod, SidecarError, TauriSidecar } from '../../bridge/index.js';
import {
  createScenario,
  createSharedScenario,
  library,
  scenarioCli,
  temporaryFolder,
} from '../support/scenario.js';

const running = createSharedScenario();
const TAKEN = { name: 'taken' };

/** The error of what `ask` awaits. Its own line is what a stack has to name. */
async function errorOfCaller(ask: () => unknown): Promise<SidecarError> {
  async function theCaller() {
    await ask();
  }
  try {
    await theCaller();
  } catch (error) {
    return error as SidecarError;
  }
  throw new assert.AssertionError({ message: 'it resolved' });
}

function assertNamesCaller(error: SidecarError, door: string): void {
  const [first, ...frames] = (error.stack ?? '').split('\n');
  assert.equal(first, `${error.name}: ${error.message.split('\n')[0]}`, door);
  assert.ok(
    frames.some((line) => /theCaller .*call-stack\.test\.ts:\d+:\d+\)$/.test(line)),
    `${door}: ${error.stack}`,
  );
}

const doors: Record<string, (sidecar: TauriSidecar) => unknown> = {
  'call refused by the server': (sidecar) => sidecar.call('dashboard.createR2Bucket', TAKEN),
  'callRaw refused by the server': (sidecar) => sidecar.callRaw('dashboard.createR2Bucket', TAKEN),
  'remote.call refused by the server': (sidecar) => sidecar.remote.call('dashboard.createR2Bucket', TAKEN),
  'remote.tail refused by the server': (sidecar) => sidecar.remote.tail({ workerName: 'missing' }, () => {}),
  'a tail by call': (sidecar) => sidecar.call('dashboard.tailLogs', { workerName: 'missing' }),
  'a stop of a tail': (sidecar) => sidecar.call('dashboard.stopTail', { tailId: 5 } as never),
  'ready of a tail': (sidecar) => sidecar.tailLogs({ workerName: 'missing' }).ready,
  'the events of a tail': (sidecar) => drain(sidecar.tailLogs({ workerName: 'missing' })),
  'the batches of a tail': (sidecar) => drain(sidecar.tailLogs({ workerName: 'missing' }).batches()),
  'a tail that fails later': (sidecar) => drain(sidecar.tailLogs({ workerName: 'ends-error-1' })),
  'a tail that is cancelled': (sidecar) =>
    drain(sidecar.tailLogs({ workerName: 'quiet' }, { signal: AbortSignal.timeout(1) })),
  'wrong params': (sidecar) => sidecar.call('dashboard.createR2Bucket', { name: 'NO' }),
  'params that are no JSON': (sidecar) => sidecar.call('system.ping', { payload: 1n }),
  'no method': (sidecar) => sidecar.call('nothing' as CallableMethod),
  'a timeout': (sidecar) => sidecar.call('system.ping', { payload: 'hang' }, { timeout: 1 }),
  'an abort': (sidecar) => sidecar.call('system.ping', { payload: 'hang' }, { signal: abortedSoon() }),
  'an abort before': (sidecar) => sidecar.call('system.ping', {}, { signal: AbortSignal.abort() }),
  'a signal that is a timeout': (sidecar) =>
    sidecar.call('system.ping', { payload: 'hang' }, { signal: AbortSignal.timeout(1) }),
  'a result that breaks the contract': (sidecar) => sidecar.call('dashboard.listWorkers'),
  'one of several': (sidecar) =>
    Promise.all([sidecar.call('system.ping'), sidecar.call('dashboard.createR2Bucket', TAKEN)]),
  'a derived promise': (sidecar) =>
    sidecar
      .call('dashboard.createR2Bucket', TAKEN)
      .then(() => 'made')
      .finally(() => {}),
};

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

function abortedSoon(): AbortSignal {
  const controller = new AbortController();
  setImmediate(() => controller.abort());
  return controller.signal;
}

for (const [door, ask] of Object.entries(doors)) {
  test(`a rejection's stack names who awaits it: ${door}`, async () => {
    const { sidecar } = await running();
    assertNamesCaller(await errorOfCaller(() => ask(sidecar)), door);
  });
}

test('in debug mode a stack names the caller too', async (t) => {
  const { sidecar } = await createScenario(t, '', { debug: true, logger: () => {} });
  await sidecar.start();
  const open = () => sidecar.call('dashboard.createR2Bucket', TAKEN);
  assertNamesCaller(await errorOfCaller(open), 'call');
  assertNamesCaller(await errorOfCaller(() => sidecar.callRaw('dashboard.createR2Bucket', TAKEN)), 'callRaw');
});

test('the stacks of calls that end with the CLI name their callers, each its own', async (t) => {
  const { sidecar } = await createScenario(t, '', { autoRestart: false });
  sidecar.on('error', () => {});
  await sidecar.start();
  const tails = [1, 2].map(() => sidecar.tailLogs({ workerName: 'quiet' }));
  await Promise.all(tails.map(({ ready }) => ready));
  const waiting = [
    () => sidecar.call('dashboard.deployWorker', { name: 'kill-child' }),
    () => sidecar.call('system.ping', { payload: 'hang' }),
    () => sidecar.remote.call('system.ping', { payload: 'hang' }),
    ...tails.map((tail) => () => drain(tail)),
  ];
  const errors = await Promise.all(waiting.map((ask) => errorOfCaller(ask)));
  assert.equal(new Set(errors).size, waiting.length);
  for (const error of errors) assertNamesCaller(error, error.code);
  assert.deepEqual(
    errors.map(({ code }) => code),
    ['indeterminate', ...Array.from({ length: 4 }, () => 'connection-lost')],
  );
});

test('the stacks of calls that a stop settles name their callers', async (t) => {
  const { sidecar } = await createScenario(t, '');
  await sidecar.start();
  const waiting = [
    () => sidecar.call('system.ping', { payload: 'hang' }),
    () => sidecar.callRaw('system.ping', { payload: 'hang' }),
  ];
  const errors = Promise.all(waiting.map((ask) => errorOfCaller(ask)));
  await sidecar.stop();
  for (const error of await errors) assertNamesCaller(error, error.code);
  for (const ask of [...waiting, () => sidecar.tailLogs({ workerName: 'quiet' })]) {
    assertNamesCaller(await errorOfCaller(ask), 'stopped');
  }
});

test('the stack of a failed start names its caller', async (t) => {
  for (const cliPath of ['/no/such/cli', scenarioCli]) {
    const { sidecar } = await createScenario(t, 'exit-before-ready', { cliPath });
    assertNamesCaller(await errorOfCaller(() => sidecar.start()), `start of ${cliPath}`);
    assertNamesCaller(await errorOfCaller(() => sidecar.restart()), `restart of ${cliPath}`);
  }
  const { sidecar } = await createScenario(t, '');
  const starting = errorOfCaller(() => sidecar.start());
  await sidecar.stop();
  assertNamesCaller(await starting, 'start, stopped meanwhile');
});

test('the stacks of the helpers name their callers', async (t) => {
  const { deployWorker, createR2Bucket, initializeSidecar, shutdownSidecar } = library;
  assertNamesCaller(await errorOfCaller(() => deployWorker()), 'deployWorker without a sidecar');
  const failing = { cliPath: '/no/such/cli', autoRestart: false };
  assertNamesCaller(await errorOfCaller(() => initializeSidecar(failing)), 'initializeSidecar');
  await startDefault(t);
  assertNamesCaller(await errorOfCaller(() => createR2Bucket('taken')), 'createR2Bucket');
  assertNamesCaller(await errorOfCaller(() => createR2Bucket('NO')), 'createR2Bucket with a wrong name');
  assertNamesCaller(await errorOfCaller(() => deployWorker({ name: 'NO WORKER' })), 'deployWorker');
  await shutdownSidecar();
});

async function startDefault(t: TestContext): Promise<void> {
  t.after(() => library.shutdownSidecar());
  const env = { SCENARIO_FOLDER: await temporaryFolder(t) };
  await library.initializeSidecar({ cliPath: scenarioCli, env });
}

test('an error keeps its code, data and cause beside its stack, and `ready` need not be watched', async (t) => {
  const { sidecar } = await running();
  const warned: unknown[] = [];
  const onRejection = (reason: unknown) => warned.push(reason);
  process.on('unhandledRejection', onRejection);
  t.after(() => process.off('unhandledRejection', onRejection));
  const stream = sidecar.tailLogs({ workerName: 'missing' });
  const { ready } = stream;
  const error = await errorOfCaller(() => drain(stream));
  assert.equal(error.code, 'not-found');
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(warned, []);
  await assert.rejects(ready, { code: 'not-found' });
  const reason = new Error('the user left');
  const controller = new AbortController();
  const call = sidecar.call('system.ping', { payload: 'hang' }, { signal: controller.signal });
  controller.abort(reason);
  assert.equal((await errorOfCaller(() => call)).cause, reason);
});

test('an error that a caller ends a tail with keeps the stack it has', async () => {
  const { sidecar } = await running();
  const stream = sidecar.tailLogs({ workerName: 'quiet' });
  const mine = new library.SidecarError('cancelled', 'enough');
  const { stack } = mine;
  stream.stop(mine);
  assert.equal(await errorOfCaller(() => drain(stream)), mine);
  assert.equal(await errorOfCaller(() => stream.ready), mine);
  assert.equal(mine.stack, stack);
});
