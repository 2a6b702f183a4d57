import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Calls } from '../../bridge/calls.js';
import type {
  CallableMethod,
  CallOptions,
  SidecarError,
  SidecarOptions,
  TauriSidecar,
} from '../../bridge/index.js';
import { createScenario, createSharedScenario, eventOf, until } from '../support/scenario.js';

const running = createSharedScenario();

async function started(t: TestContext, scenario = '', options: SidecarOptions = {}) {
  const made = await createScenario(t, scenario, options);
  await made.sidecar.start();
  return made;
}

const killChild = (sidecar: TauriSidecar) => process.kill(sidecar.pid as number, 'SIGKILL');
const errorOf = (call: Promise<unknown>): Promise<SidecarError> =>
  call.then(
    () => assert.fail('it resolved'),
    (error: SidecarError) => error,
  );

test('errors keep code, message and data across process and threads, and the next call works', async () => {
  const { sidecar } = await running();
  const taken = await errorOf(sidecar.call('dashboard.createR2Bucket', { name: 'taken' }));
  assert.equal(taken.name, 'SidecarError');
  assert.equal(taken.code, 'already-exists');
  assert.deepEqual(taken.data, {
    cloudflare: { status: 409, errors: [{ code: 10004, message: 'The bucket exists.' }] },
  });
  const params = await errorOf(sidecar.call('dashboard.createR2Bucket', { name: 'NO', more: 1 } as never));
  assert.equal(params.code, 'invalid-params');
  assert.ok((params.data.issues as unknown[]).length >= 2);
  const method = await errorOf(sidecar.call('dashboard.nothing' as CallableMethod));
  assert.equal(method.code, 'method-not-found');
  for (const name of ['initialize', 'toString', '__proto__']) {
    assert.equal((await errorOf(sidecar.call(name as CallableMethod))).code, 'method-not-found');
  }
  const result = await errorOf(sidecar.call('dashboard.listWorkers'));
  assert.equal(result.code, 'internal-error');
  assert.deepEqual(await sidecar.call('dashboard.listR2Buckets'), [{ name: 'first' }]);
});

test('params that are no JSON are refused here', async () => {
  const { sidecar } = await running();
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  for (const payload of [cycle, 1n]) {
    assert.equal((await errorOf(sidecar.call('system.ping', { payload }))).code, 'invalid-params');
  }
});

test('what an object of a class keeps in accessors is sent as what it keeps in fields', async () => {
  const { sidecar } = await running();
  class Ping {
    get payload() {
      return 'kept';
    }
  }
  assert.equal((await sidecar.call('system.ping', new Ping())).payload, 'kept');
});

test('options that are none are refused by every door, and the sidecar lives', async () => {
  const { sidecar } = await running();
  const bad: readonly unknown[] = [
    ...[null, 5, 'x', true, [], () => 1],
    ...[{}, 5, 'x', [], { aborted: true }].map((signal) => ({ signal })),
    ...['x', null, -1, 0, Number.NaN, 2 ** 31, {}].map((timeout) => ({ timeout })),
    ...[5, null, {}].map((onProgress) => ({ onProgress })),
  ];
  const { remote } = sidecar;
  const doors: readonly ((options: unknown) => Promise<unknown>)[] = [
    (options) => sidecar.call('system.ping', {}, options as never),
    (options) => sidecar.callRaw('system.ping', {}, options as never),
    (options) => remote.call('system.ping', {}, options as never),
    (options) => remote.tail({ workerName: 'w' }, () => {}, options as never),
    async (options) => sidecar.tailLogs({ workerName: 'w' }, options as never),
  ];
  for (const options of bad) {
    for (const door of doors) assert.equal((await errorOf(door(options))).code, 'invalid-option');
  }
  for (const callback of [undefined, null, 5, {}]) {
    const tail = remote.tail({ workerName: 'w' }, callback as never);
    assert.equal((await errorOf(tail)).code, 'invalid-option');
  }
  assert.equal((await sidecar.call('system.ping', {}, { signal: null as never })).pong, true);
});

test('before start, and after stop, a call is refused at once', async (t) => {
  const { sidecar } = await createScenario(t, '');
  assert.equal((await errorOf(sidecar.call('system.ping'))).code, 'not-running');
  await sidecar.start();
  await sidecar.stop();
  const error = await errorOf(sidecar.call('system.ping'));
  assert.equal(error.code, 'not-running');
  assert.deepEqual(error.data, { state: 'stopped' });
});

test('a call made while the sidecar starts waits for it', async (t) => {
  const { sidecar } = await createScenario(t, 'slow');
  const starting = sidecar.start();
  assert.equal((await sidecar.call('system.ping')).pong, true);
  await starting;
});

test('a timeout rejects the call, cancels it at the server, and its late answer harms nothing', async (t) => {
  const { sidecar, events, notes } = await started(t);
  const error = await errorOf(sidecar.call('system.ping', { payload: 'hang' }, { timeout: 50 }));
  assert.equal(error.code, 'timeout');
  assert.deepEqual(error.data, { method: 'system.ping', timeoutMs: 50 });
  await until('the cancellation', () => notes().includes('cancelled'));
  assert.equal((await sidecar.call('system.ping')).pong, true);
  assert.equal(
    events.some(([name]) => name === 'ipc-error'),
    false,
  );
});

test('a raw result is what `call` gives, unparsed, small or large; a failure is an error', async () => {
  const { sidecar } = await running();
  for (const payload of ['small, é', 'x'.repeat(1_000_000), 'é'.repeat(100_000)]) {
    const raw = await sidecar.callRaw('system.ping', { payload });
    assert.equal(raw.json().payload, payload);
    assert.equal(JSON.parse(raw.text()).payload, payload);
    assert.deepEqual(Buffer.from(raw.bytes), Buffer.from(raw.text()));
  }
  const wrong = sidecar.callRaw('dashboard.deleteWorker', { name: 'Not A Name' });
  assert.equal((await errorOf(wrong)).code, 'invalid-params');
});

test('a wrong timeout is refused', async () => {
  const { sidecar } = await running();
  for (const timeout of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
    assert.equal((await errorOf(sidecar.call('system.ping', {}, { timeout }))).code, 'invalid-option');
  }
});

test('an abort rejects with AbortError and its reason, before, during and after', async () => {
  const { sidecar, notes } = await running();
  const controller = new AbortController();
  const { signal } = controller;
  const hanging = errorOf(sidecar.call('system.ping', { payload: 'hang' }, { signal }));
  await sidecar.call('system.ping', {}, { signal });
  const reason = new Error('the user left');
  controller.abort(reason);
  for (const error of [await hanging, await errorOf(sidecar.call('system.ping', {}, { signal }))]) {
    assert.equal(error.name, 'AbortError');
    assert.equal(error.code, 'cancelled');
    assert.equal(error.cause, reason);
  }
  await until('the cancellation', () => notes().includes('cancelled'));
  assert.equal((await sidecar.call('system.ping')).pong, true);
});

test('a thousand calls at once are answered each with its own', async () => {
  const { sidecar } = await running();
  const answers = await Promise.all(
    Array.from({ length: 1000 }, (_, payload) => sidecar.call('system.ping', { payload })),
  );
  assert.deepEqual(
    answers.map(({ payload }) => payload),
    Array.from({ length: 1000 }, (_, i) => i),
  );
});

test('text of every kind, and 8 MiB of it, comes back unchanged', async () => {
  const { sidecar } = await running();
  const payloads = [
    '',
    'ü€🔑\u0000\u2028\ud800',
    'é'.repeat(100_000),
    'x'.repeat(8 * 1024 * 1024),
    { a: [null, -0.5] },
  ];
  for (const payload of payloads) {
    const answer = await sidecar.call('system.ping', { payload });
    assert.equal(JSON.stringify(answer.payload) === JSON.stringify(payload), true);
  }
});

test('params over the limit are refused here, and the stream goes on', async () => {
  const { sidecar } = await running();
  for (const payload of ['x'.repeat(17 * 1024 * 1024), 'é'.repeat(9 * 1024 * 1024)]) {
    const error = await errorOf(sidecar.call('system.ping', { payload }));
    assert.equal(error.code, 'limit-exceeded');
    assert.ok((error.data.limitBytes as number) <= 16 * 1024 * 1024);
  }
  assert.equal((await sidecar.call('system.ping')).pong, true);
});

test('`maxBodyBytes` moves the limit on both sides', async (t) => {
  const { sidecar } = await started(t, '', { maxBodyBytes: 4096, env: { FILLER: 'x'.repeat(4096) } });
  const tooMuch = await errorOf(sidecar.call('system.ping', { payload: 'x'.repeat(4096) }));
  assert.equal(tooMuch.code, 'limit-exceeded');
  const tooLarge = await errorOf(sidecar.call('system.ping', { payload: 'environment' }));
  assert.equal(tooLarge.code, 'result-too-large');
  assert.equal((await sidecar.call('system.ping', { payload: 'x'.repeat(3900) })).pong, true);
});

test('progress comes in order, before the answer', async () => {
  const { sidecar } = await running();
  const percentages: (number | undefined)[] = [];
  await sidecar.call(
    'project.create',
    { name: 'a', path: '/tmp' },
    { onProgress: ({ percentage }) => percentages.push(percentage) },
  );
  assert.deepEqual(percentages, [25, 50, 75]);
});

test('when the child dies, what is safe is repeated and the rest is indeterminate at once', async (t) => {
  const { sidecar } = await started(t, '', { restartDelay: 200 });
  const repeated = sidecar.call('system.ping', { payload: 'die-once' });
  const killed = errorOf(sidecar.call('dashboard.deployWorker', { name: 'kill-child' }));
  const rejectedIn = killed.then(() => sidecar.getState());
  assert.equal((await killed).code, 'indeterminate');
  assert.equal((await killed).data.method, 'dashboard.deployWorker');
  assert.notEqual(await rejectedIn, 'stopped');
  assert.equal((await repeated).payload, 'die-once');
});

test('calls made during the backoff wait within their timeout', async (t) => {
  const { sidecar } = await started(t, '', { restartDelay: 150 });
  killChild(sidecar);
  await eventOf(sidecar, 'process-exit');
  const late = errorOf(sidecar.call('system.ping', {}, { timeout: 20 }));
  const waiting = sidecar.call('system.ping', { payload: 'launch' });
  assert.equal((await late).code, 'timeout');
  assert.equal((await waiting).payload, 2);
});

test('a call that ends the child is repeated once and no more', async (t) => {
  const { sidecar, pids } = await started(t);
  const error = await errorOf(sidecar.call('system.ping', { payload: 'exit' }));
  assert.equal(error.code, 'connection-lost');
  assert.equal((await sidecar.call('system.ping', { payload: 'launch' })).payload, 3);
  assert.equal(pids().length, 3);
});

test('calls that wait when restarts are used up are lost, each with the cause', async (t) => {
  const { sidecar } = await started(t, 'fail-later', { restartDelay: 20, maxRestarts: 1 });
  killChild(sidecar);
  await eventOf(sidecar, 'process-exit');
  const error = await errorOf(sidecar.call('system.ping'));
  assert.equal(error.code, 'connection-lost');
  assert.equal((error.cause as SidecarError).code, 'max-restarts-reached');
});

test('what is in flight at a stop is answered, or rejected when it is not', async (t) => {
  const { sidecar } = await started(t);
  const hanging = errorOf(sidecar.call('system.ping', { payload: 'hang' }));
  const answered = sidecar.call('system.ping', { payload: 1 });
  await sidecar.stop();
  assert.equal((await answered).payload, 1);
  assert.ok(['cancelled', 'not-running'].includes((await hanging).code));
});

test('system.shutdown is a stop, through either door', async (t) => {
  for (const door of ['call', 'remote'] as const) {
    const { sidecar, events } = await started(t);
    const stopped = eventOf(sidecar, 'stopped');
    const answer = await (door === 'call' ? sidecar : sidecar.remote).call('system.shutdown');
    assert.deepEqual(answer, { success: true });
    await stopped;
    assert.equal(
      events.some(([, argument]) => (argument as { to?: string } | undefined)?.to === 'restarting'),
      false,
    );
  }
});

for (const fault of [
  'noise',
  'half-frame',
  'wrong-length',
  'unknown-id',
  'unknown-odd-id',
  'not-json',
  'two-in-one',
  'not-utf8',
  'a-request',
]) {
  test(`after ${fault} on stdout the child is replaced and the call repeated`, async (t) => {
    const { sidecar, events } = await started(t, fault);
    assert.equal((await sidecar.call('system.version')).version, '0.0.0');
    const faults = events.filter(([name]) => name === 'ipc-error');
    assert.equal(faults.length, fault === 'half-frame' ? 0 : 1);
    for (const [, error] of faults) assert.equal((error as SidecarError).code, 'protocol-error');
    assert.equal(
      events.some(([name]) => name === 'error'),
      false,
    );
    assert.equal((await sidecar.call('system.ping', { payload: 'launch' })).payload, 2);
  });
}

test('more unanswered calls than the limit are refused, given-up ones counted', () => {
  const posted: string[] = [];
  const calls = new Calls({
    readPosted: () => undefined,
    readArrived: () => Promise.resolve(),
    maxBodyBytes: 1024,
    post: (framed) => posted.push(framed),
    onFault: (error) => assert.fail(error),
  });
  calls.connect();
  const outcomes: Promise<string>[] = [];
  const call = (signal?: AbortSignal) =>
    outcomes.push(
      calls.call('system.ping', {}, { signal }).then(
        () => 'answered',
        (error: SidecarError) => error.code,
      ),
    );
  const abort = new AbortController();
  for (let i = 0; i < 10; i++) call(abort.signal);
  abort.abort();
  while (calls.pendingCount < 65_536 - 10) call();
  call();
  calls.close(() => Object.assign(new Error('closed'), { code: 'closed' }) as never);
  return Promise.all(outcomes).then((codes) => {
    assert.deepEqual(
      [codes[0], codes[10], codes.at(-2), codes.at(-1)],
      ['cancelled', 'closed', 'closed', 'overloaded'],
    );
  });
});

/** Requests leave at the end of the tick, those of the proxy a tick later; nothing is read meanwhile. */
async function sent(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise<void>((resolve) => process.nextTick(resolve));
}

/** Blocks this thread until the CLI has written its answer and the time of every call is up. */
function blockUntilAnswered(notes: () => string[], count: number): void {
  const startMs = performance.now();
  const isOpen = () => notes().filter((line) => line === 'answered').length < count;
  while (performance.now() - startMs < 10_000 && (isOpen() || performance.now() - startMs < 100));
}

test('calls that were answered while this thread was blocked are no timeouts, whoever kept the time', async () => {
  const { sidecar, notes } = await running();
  const payload = 'note-answer';
  const limits = (): CallOptions[] => [{ timeout: 20 }, { signal: AbortSignal.timeout(20) }];
  const calls = [
    ...limits().map((options) => sidecar.call('system.ping', { payload }, options)),
    ...limits().map((options) => sidecar.callRaw('system.ping', { payload }, options)),
    sidecar.remote.call('system.ping', { payload }, { timeout: 20 }),
  ];
  await sent();
  blockUntilAnswered(notes, calls.length);
  await Promise.all(calls);
});

test('an answer that lies in the port is not cancelled any more', async () => {
  const { sidecar, notes } = await running();
  const controller = new AbortController();
  const call = sidecar.call('system.ping', { payload: 'note-answer' }, { signal: controller.signal });
  await sent();
  blockUntilAnswered(notes, 1);
  controller.abort();
  assert.equal((await call).pong, true);
});

test('calls whose time is up together are judged together, once what has arrived was read', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let reads = 0;
  let read = () => {};
  const arrivals = new Promise<void>((resolve) => {
    read = resolve;
  });
  const calls = new Calls({
    maxBodyBytes: 1000,
    post: () => undefined,
    readPosted: () => undefined,
    readArrived: () => {
      reads++;
      return arrivals;
    },
    onFault: (error) => assert.fail(error.message),
  });
  calls.connect();
  const [answered, ...late] = [1, 2, 3].map(() => calls.call('system.ping', {}, { timeout: 10 }));
  const codes = late.map(async (call) => (await errorOf(call)).code);
  t.mock.timers.tick(10);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(calls.pendingCount, 3);
  calls.receiveResults('[2,{"pong":true,"timestamp":1}]', 1);
  read();
  assert.deepEqual(await answered, { pong: true, timestamp: 1 });
  assert.deepEqual(await Promise.all(codes), ['timeout', 'timeout']);
  // The first alone, and all that came while it was judged.
  assert.deepEqual([reads, calls.pendingCount], [2, 0]);
  calls.close((method) => assert.fail(method));
});
