import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import type { SidecarError, TauriSidecar } from '../../bridge/index.js';
import { VirtualClock } from '../support/fault-clock.js';
import {
  childrenOf,
  createScenario,
  eventOf,
  isAlive,
  library,
  type Scenario,
  until,
} from '../support/scenario.js';

const { SidecarState } = library;

const statesOf = (events: Scenario['events']) =>
  events.filter(([name]) => name === 'state-change').map(([, change]) => (change as { to: string }).to);
const namesOf = (events: Scenario['events']) =>
  events.map(([name]) => name).filter((name) => name !== 'state-change');
const killChild = (sidecar: TauriSidecar) => process.kill(sidecar.pid as number, 'SIGKILL');

/** A host that was busy while its child came and went gets the answer and the end at once, from two ports. */
function blockUntilGone(pid: number): void {
  const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));
  while (isAlive(pid)) Atomics.wait(nobodyWakes, 0, 0, 5);
  Atomics.wait(nobodyWakes, 0, 0, 50);
}

async function started(t: TestContext, scenario: string, options = {}): Promise<Scenario> {
  const made = await createScenario(t, scenario, options);
  await made.sidecar.start();
  return made;
}

test('start and stop pass through their states and tell each event once', async (t) => {
  const { sidecar, events, pids } = await createScenario(t, '');
  assert.equal(sidecar.getState(), SidecarState.IDLE);
  assert.equal(sidecar.pid, undefined);
  await sidecar.start();
  assert.equal(sidecar.isRunning(), true);
  assert.equal(sidecar.pid, pids()[0]);
  assert.deepEqual(sidecar.account?.name, 'scenario');
  await sidecar.stop();
  assert.equal(sidecar.isRunning(), false);
  assert.deepEqual(statesOf(events), ['starting', 'running', 'stopping', 'stopped']);
  assert.deepEqual(namesOf(events), [
    'ipc-connected',
    'started',
    'ipc-disconnected',
    'process-exit',
    'stopped',
  ]);
  assert.deepEqual(events.find(([name]) => name === 'process-exit')?.[1], { code: 0, signal: null });
  assert.deepEqual(
    await childrenOf(process.pid).then((all) => all.filter((pid) => pids().includes(pid))),
    [],
  );
});

test('start() twice gives one child, and the same promise', async (t) => {
  const { sidecar, pids } = await createScenario(t, 'slow');
  assert.equal(sidecar.start(), sidecar.start());
  await sidecar.start();
  await sidecar.start();
  assert.equal(pids().length, 1);
});

test('a stopped sidecar starts again, with another child', async (t) => {
  const { sidecar, pids } = await started(t, '');
  await sidecar.stop();
  await sidecar.start();
  assert.equal(pids().length, 2);
  assert.equal((await sidecar.call('system.ping')).pong, true);
});

test('start() during stop() waits for it and starts anew', async (t) => {
  const { sidecar, pids } = await started(t, '');
  const stopping = sidecar.stop();
  await sidecar.start();
  await stopping;
  assert.equal(sidecar.isRunning(), true);
  assert.equal(pids().length, 2);
});

test('stop() before start() does nothing, and twice is once', async (t) => {
  const { sidecar, events } = await createScenario(t, '');
  await sidecar.stop();
  assert.equal(sidecar.getState(), SidecarState.IDLE);
  await sidecar.start();
  assert.equal(sidecar.stop(), sidecar.stop());
  await sidecar.stop();
  await sidecar.stop();
  assert.equal(namesOf(events).filter((name) => name === 'stopped').length, 1);
});

test('stop() at any moment of a start ends it, and start() rejects with not-running', async (t) => {
  // At once, before the thread is there; when the child is spawned; and while it is silent.
  const moments: [string, (scenario: Scenario) => Promise<unknown>][] = [
    ['at once', async () => {}],
    ['after a turn', () => new Promise((resolve) => setImmediate(resolve))],
    ['when spawned', ({ pids }) => until('a child', () => pids().length === 1)],
  ];
  for (const [moment, arrive] of moments) {
    const scenario = await createScenario(t, 'mute');
    const { sidecar, pids, events } = scenario;
    const starting = sidecar.start();
    const refused = assert.rejects(starting, { code: 'not-running' }, moment);
    await arrive(scenario);
    await sidecar.stop();
    await refused;
    assert.equal(sidecar.getState(), SidecarState.STOPPED, moment);
    for (const pid of pids()) assert.equal(isAlive(pid), false, moment);
    assert.deepEqual(statesOf(events), ['starting', 'stopping', 'stopped'], moment);
    assert.equal(namesOf(events).includes('error'), false, moment);
  }
});

test('listeners may start and stop from within events', async (t) => {
  const { sidecar, pids } = await createScenario(t, '');
  sidecar.once('state-change', () => void sidecar.start());
  sidecar.once('started', () => void sidecar.stop());
  await sidecar.start();
  await eventOf(sidecar, 'stopped');
  sidecar.on('state-change', ({ to }) => to === 'stopping' && void sidecar.stop());
  sidecar.once('stopped', () => void sidecar.start());
  await sidecar.start();
  await sidecar.stop();
  await until('it runs again', () => sidecar.isRunning());
  assert.equal(pids().length, 3);
});

test('restart() replaces the child, and calls made meanwhile wait for the new one', async (t) => {
  const { sidecar, events, pids } = await started(t, '');
  const restarting = sidecar.restart();
  assert.equal(sidecar.getState(), SidecarState.RESTARTING);
  const { payload } = await sidecar.call('system.ping', { payload: 'launch' });
  assert.equal(payload, 2);
  await restarting;
  assert.deepEqual(statesOf(events), ['starting', 'running', 'restarting', 'running']);
  assert.equal(namesOf(events).filter((name) => name === 'ipc-disconnected').length, 1);
  assert.equal(isAlive(pids()[0] as number), false);
});

test('restart() starts a sidecar that does not run', async (t) => {
  const { sidecar } = await createScenario(t, '');
  await sidecar.restart();
  assert.equal(sidecar.isRunning(), true);
});

test('asyncDispose is a stop', async (t) => {
  const { sidecar } = await started(t, '');
  await sidecar[Symbol.asyncDispose]();
  assert.equal(sidecar.getState(), SidecarState.STOPPED);
});

test('a killed child is replaced after the delay', async (t) => {
  const { sidecar, events, pids } = await started(t, '', { restartDelay: 5000 });
  const clock = new VirtualClock();
  clock.install(1000);
  t.after(() => clock.uninstall());
  killChild(sidecar);
  const [exit] = await eventOf(sidecar, 'process-exit');
  assert.deepEqual(exit, { code: null, signal: 'SIGKILL' });
  assert.equal(sidecar.getState(), SidecarState.RESTARTING);
  assert.equal(sidecar.pid, undefined);
  await clock.advance(4999);
  assert.deepEqual([sidecar.getState(), pids().length], [SidecarState.RESTARTING, 1]);
  const again = eventOf(sidecar, 'started');
  await clock.advance(1);
  await again;
  assert.deepEqual(statesOf(events), ['starting', 'running', 'restarting', 'running']);
  assert.deepEqual(namesOf(events).slice(2), [
    'ipc-disconnected',
    'process-exit',
    'ipc-connected',
    'started',
  ]);
  assert.equal(pids().length, 2);
});

test('a failed attempt is told, and the next one comes', async (t) => {
  const { sidecar, events } = await started(t, 'fail-second');
  killChild(sidecar);
  const [failure] = await eventOf(sidecar, 'restart-failed');
  assert.equal((failure as SidecarError).code, 'start-failed');
  assert.equal((failure as SidecarError).data.exitCode, 3);
  await eventOf(sidecar, 'started');
  assert.deepEqual(statesOf(events), ['starting', 'running', 'restarting', 'running']);
});

test('used-up restarts end in ERROR, from which a start is possible again', async (t) => {
  const { sidecar, events, pids } = await started(t, 'fail-later', { restartDelay: 1, maxRestarts: 2 });
  const ended = eventOf(sidecar, 'error');
  killChild(sidecar);
  const [error] = await ended;
  assert.equal((error as SidecarError).code, 'max-restarts-reached');
  assert.equal((error as SidecarError).data.attempts, 2);
  assert.deepEqual(events.find(([name]) => name === 'max-restarts-reached')?.[1], 2);
  assert.equal(namesOf(events).filter((name) => name === 'restart-failed').length, 2);
  assert.equal(sidecar.getState(), SidecarState.ERROR);
  assert.equal(pids().length, 3);
  await assert.rejects(sidecar.call('system.ping'), { code: 'not-running' });
  await assert.rejects(sidecar.start(), { code: 'start-failed' });
  await sidecar.stop();
  assert.equal(sidecar.getState(), SidecarState.STOPPED);
});

test('waits between failing attempts are no health: they come to an end however long they are', async (t) => {
  const { sidecar, pids } = await started(t, 'fail-later', { restartDelay: 1, maxRestarts: 3 });
  let offsetMs = 0;
  const now = performance.now.bind(performance);
  t.mock.method(performance, 'now', () => now() + offsetMs);
  sidecar.on('restart-failed', () => {
    offsetMs += 61_000;
  });
  const reached = eventOf(sidecar, 'max-restarts-reached');
  killChild(sidecar);
  assert.deepEqual(await reached, [3]);
  assert.equal(pids().length, 4);
});

test('a healthy minute clears the count of attempts', async (t) => {
  const { sidecar } = await started(t, '', { restartDelay: 1, maxRestarts: 1 });
  let offsetMs = 0;
  const now = performance.now.bind(performance);
  t.mock.method(performance, 'now', () => now() + offsetMs);
  t.mock.timers.enable({ apis: ['setInterval'] });
  for (let i = 0; i < 3; i++) {
    const again = eventOf(sidecar, 'started');
    killChild(sidecar);
    await again;
    // Time in which this thread runs; a leap of the clock is a sleep.
    for (let passedMs = 0; passedMs < 65_000; passedMs += 5000) {
      offsetMs += 5000;
      t.mock.timers.tick(5000);
    }
  }
});

test('without autoRestart a killed child ends in ERROR', async (t) => {
  const { sidecar, events } = await started(t, '', { autoRestart: false });
  const ended = eventOf(sidecar, 'error');
  killChild(sidecar);
  const [error] = await ended;
  assert.equal((error as SidecarError).code, 'connection-lost');
  assert.match(error.message, /SIGKILL/);
  assert.deepEqual(statesOf(events), ['starting', 'running', 'error']);
});

test('start() during the backoff gives the promise of the attempt', async (t) => {
  const { sidecar, pids } = await started(t, '', { restartDelay: 50 });
  killChild(sidecar);
  await eventOf(sidecar, 'process-exit');
  await sidecar.start();
  assert.equal(sidecar.isRunning(), true);
  assert.equal(pids().length, 2);
});

test('stop() during the backoff ends it at once', async (t) => {
  const { sidecar, pids } = await started(t, '', { restartDelay: 60_000 });
  killChild(sidecar);
  await eventOf(sidecar, 'process-exit');
  const waiting = sidecar.call('system.ping');
  const remote = sidecar.remote.call('system.ping');
  const refused = [
    assert.rejects(waiting, { code: 'not-running' }),
    assert.rejects(remote, { code: 'not-running' }),
  ];
  await sidecar.stop();
  await Promise.all(refused);
  assert.equal(sidecar.getState(), SidecarState.STOPPED);
  assert.equal(pids().length, 1);
});

test('a child that refuses every request to end, or is stopped by SIGSTOP, is gone after stop()', async (t) => {
  const [refusing, suspended] = await Promise.all([started(t, 'refuse-to-stop'), started(t, '')]);
  process.kill(suspended.sidecar.pid as number, 'SIGSTOP');
  await Promise.all([refusing.sidecar.stop(), suspended.sidecar.stop()]);
  assert.deepEqual(refusing.notes(), ['refused SIGTERM']);
  for (const { pids } of [refusing, suspended]) assert.equal(isAlive(pids()[0] as number), false);
});

test('a child that ends right after the handshake is a failed start, never a dead RUNNING', async (t) => {
  for (const blocked of [false, true, true]) {
    const { sidecar, pids } = await createScenario(t, 'exit-when-ready', { autoRestart: false });
    const starting = sidecar.start().then(
      () => 'started',
      (error: SidecarError) => error.code,
    );
    if (blocked) {
      await until('a child', () => pids().length === 1);
      blockUntilGone(pids()[0] as number);
    }
    const outcome = await starting;
    // When it was ready for a moment, its end comes as the error of a running one.
    if (outcome === 'started')
      await until('the end is noticed', () => sidecar.getState() === SidecarState.ERROR);
    else assert.equal(outcome, 'start-failed');
    assert.equal(sidecar.getState(), SidecarState.ERROR);
  }
});

test('a child that closes its stdout and lives on is replaced', async (t) => {
  const { sidecar } = await started(t, 'close-stdout');
  const again = eventOf(sidecar, 'started');
  void sidecar.call('system.version').catch(() => undefined);
  await again;
  assert.equal((await sidecar.call('system.ping', { payload: 'launch' })).payload, 2);
});

test('a grandchild that holds stdout open delays nothing', async (t) => {
  const { sidecar, notes } = await started(t, 'grandchild');
  try {
    const exited = eventOf(sidecar, 'process-exit');
    killChild(sidecar);
    await exited;
    for (const note of notes()) assert.equal(isAlive(Number(note.split(' ')[1])), true);
    await eventOf(sidecar, 'started');
    await sidecar.stop();
    assert.equal(notes().length, 2);
  } finally {
    for (const note of notes()) process.kill(Number(note.split(' ')[1]), 'SIGKILL');
  }
});

test('a child that talks a lot on stderr neither blocks nor floods', async (t) => {
  const { sidecar } = await started(t, 'talk');
  assert.equal((await sidecar.call('system.ping')).pong, true);
});

test('an error nobody listens to becomes a warning', async (t) => {
  const { sidecar } = await started(t, '', { autoRestart: false });
  sidecar.removeAllListeners('error');
  const warned = once(process, 'warning');
  killChild(sidecar);
  const [warning] = (await warned) as [Error];
  assert.equal(warning.name, 'FluoriteFlakeWarning');
  assert.match(warning.message, /ended unasked/);
  assert.equal(sidecar.getState(), SidecarState.ERROR);
});

test('the child’s environment is an allow-list, and no secret is on its command line', async (t) => {
  process.env.NODE_OPTIONS_TEST = '1';
  process.env.NODE_OPTIONS = '--no-warnings';
  process.env.CLOUDFLARE_API_TOKEN = 'cloudflare-secret';
  t.after(() => {
    for (const name of ['NODE_OPTIONS_TEST', 'NODE_OPTIONS', 'CLOUDFLARE_API_TOKEN'])
      delete process.env[name];
  });
  const { sidecar } = await started(t, '', { authToken: 'session-secret', env: { EXTRA: '1' } });
  const environment = (await sidecar.call('system.ping', { payload: 'environment' }))
    .payload as NodeJS.ProcessEnv;
  assert.equal(environment.NODE_OPTIONS, undefined);
  assert.equal(environment.NODE_OPTIONS_TEST, undefined);
  assert.equal(environment.EXTRA, '1');
  assert.equal(environment.CLOUDFLARE_API_TOKEN, 'cloudflare-secret');
  assert.equal(JSON.stringify(environment).includes('session-secret'), false);
  const { payload } = await sidecar.call('system.ping', { payload: 'arguments' });
  assert.equal(JSON.stringify(payload).includes('secret'), false);
});

test('tokens of any length reach the child, and nobody else', async (t) => {
  for (const authToken of ['x', 'ü'.repeat(30_000)]) {
    const { sidecar } = await started(t, '', { authToken });
    assert.equal((await sidecar.call('system.ping')).pong, true);
    await sidecar.stop();
  }
});

test('the debug log tells calls, states and the child’s stderr, and no secret', async (t) => {
  const lines: string[] = [];
  const { sidecar } = await createScenario(t, 'secret-in-stderr', {
    debug: true,
    logger: (line) => lines.push(line),
    authToken: 'the-session-token',
    env: { CLOUDFLARE_API_TOKEN: 'cloudflare-secret' },
  });
  await sidecar.start();
  await sidecar.call('system.ping', { payload: 'environment' });
  await sidecar.call('dashboard.createR2Bucket', { name: 'taken' }).catch(() => undefined);
  await until('stderr', () => lines.some((line) => line.startsWith('cli: ')));
  await sidecar.stop();
  const log = lines.join('\n');
  assert.match(log, /state: idle -> starting/);
  assert.match(log, /call: system\.ping answered in [\d.]+ ms/);
  assert.match(log, /call: dashboard\.createR2Bucket failed in [\d.]+ ms: The bucket "taken" exists/);
  assert.match(log, /^cli: \[redacted\]$/m);
  assert.equal(/the-session-token|cloudflare-secret/.test(log), false);
});

test('stderr that arrives in pieces hides no secret from the redaction', async (t) => {
  const lines: string[] = [];
  const { sidecar } = await createScenario(t, 'talk', {
    debug: true,
    logger: (line) => lines.push(line),
    env: { CLOUDFLARE_API_TOKEN: 'cloudflare-secret' },
  });
  await sidecar.start();
  await until('the line', () => lines.some((line) => line.includes('tail')));
  assert.ok(lines.includes('cli: secret [redacted] tail'));
});

test('of a line that is too long to be kept no part is told, so that it hides no half of a secret', async (t) => {
  const lines: string[] = [];
  const { sidecar } = await createScenario(t, 'long-line', {
    debug: true,
    logger: (line) => lines.push(line),
    env: { CLOUDFLARE_API_TOKEN: 'cloudflare-secret' },
  });
  await sidecar.start();
  await until('the line', () => lines.includes('cli: behind it'));
  assert.ok(lines.includes('cli: [a line of 70017 characters is left out]'));
  assert.equal(/cloudflare|re-secret/.test(lines.join('')), false);
});
