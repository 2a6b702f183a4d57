import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createWorkerdRuntime } from '../../../../src/accounts/local/workerd/index.js';
import { cpuTimeMs } from '../../../../src/accounts/local/workerd/process-record.js';
import { VirtualClock } from '../../../support/fault-clock.js';
import { bytes, fixture, invokeText, until, worker } from './runtime-fixture.js';

const GOOD = 'export default { fetch: () => new Response("fine") };';

const LIMIT_MS = 60_000;

/** A clock whose minutes are turned by hand: a process may be as slow as its machine, and is judged all the same. */
function clockOf(context: TestContext): VirtualClock {
  const clock = new VirtualClock();
  clock.install(LIMIT_MS / 2);
  context.after(() => clock.uninstall());
  return clock;
}

test('a handler that loops for ever is ended, its process replaced, and the Workers beside it serve', async (context) => {
  const clock = clockOf(context);
  const { runtime } = await fixture(context, { hangTimeoutMs: LIMIT_MS });
  const loop =
    'export default { fetch(r) { if (r.url.endsWith("/loop")) for (;;); return new Response("up"); } };';
  await runtime.deploy([worker('loop', loop), worker('good', GOOD)]);
  assert.equal(await invokeText(runtime, 'good'), 'fine');
  const [pid] = runtime.pids;
  const idleMs = (await cpuTimeMs(pid)) ?? 0;
  const ended = assert.rejects(invokeText(runtime, 'loop', '/loop'), {
    code: 'workerd-failed',
    message: /did not react for 60 s.*in flight to loop/,
  });
  await until('the loop', async () => ((await cpuTimeMs(pid)) ?? 0) > idleMs + 100);
  // It is asked, and does not answer.
  await clock.advance(LIMIT_MS / 2);
  await clock.advance(LIMIT_MS);
  await ended;
  assert.equal(await invokeText(runtime, 'good'), 'fine');
  assert.equal(await invokeText(runtime, 'loop'), 'up');
});

test('a Worker that waits is not taken for one that hangs', async (context) => {
  const clock = clockOf(context);
  const { runtime } = await fixture(context, { hangTimeoutMs: LIMIT_MS, responseTimeoutMs: 100 * LIMIT_MS });
  const wait = `export default { async fetch(request, env) {
    while (await env.KV.get('go') === null) await scheduler.wait(10);
    return new Response('waited');
  } };`;
  const namespace = 'a'.repeat(32);
  const bindings = [{ type: 'kv_namespace' as const, name: 'KV', namespace_id: namespace }];
  await runtime.deploy([worker('w', wait, { bindings })]);
  const waited = invokeText(runtime, 'w');
  await until('the request', () => clock.isWaitedFor(100 * LIMIT_MS));
  const { pids } = runtime;
  for (let looks = 0; looks < 6; looks++) {
    await clock.advance(LIMIT_MS / 2);
    await until('its sign of life', () => !clock.isWaitedFor(LIMIT_MS));
  }
  await runtime.kv.put(namespace, 'go', bytes(''));
  assert.equal(await waited, 'waited');
  assert.deepEqual(runtime.pids, pids);
});

test('a Worker that never begins to answer is a timeout; the others and the next request go on', async (context) => {
  const clock = clockOf(context);
  const { runtime } = await fixture(context, { hangTimeoutMs: 100 * LIMIT_MS, responseTimeoutMs: LIMIT_MS });
  const mute =
    'export default { fetch: (r) => r.url.endsWith("/mute") ? scheduler.wait(600000) : new Response(slow()) };' +
    'function slow() { const { readable, writable } = new TransformStream(); const w = writable.getWriter();' +
    ' const put = (t) => w.write(new TextEncoder().encode(t));' +
    ' put("a").then(() => scheduler.wait(100)).then(() => put("b")).then(() => w.close()); return readable; }';
  await runtime.deploy([worker('w', mute)]);
  const begun = await runtime.invoke('w', new Request('http://w.local/'));
  const muted = invokeText(runtime, 'w', '/mute');
  const rejected = assert.rejects(muted, {
    code: 'timeout',
    data: { workerName: 'w', timeoutMs: LIMIT_MS },
  });
  await until('the request', () => clock.isWaitedFor(LIMIT_MS));
  await clock.advance(LIMIT_MS);
  await rejected;
  assert.equal(await begun.text(), 'ab', 'a body may take its time');
  assert.equal(await invokeText(runtime, 'w'), 'ab');
});

test('the limit for answers is a whole number of milliseconds', () => {
  process.env.FLUORITE_FLAKE_RESPONSE_TIMEOUT_MS = '10s';
  try {
    assert.throws(() => createWorkerdRuntime({ stateDir: '/nonexistent', log: () => {} }), {
      code: 'invalid-option',
    });
  } finally {
    delete process.env.FLUORITE_FLAKE_RESPONSE_TIMEOUT_MS;
  }
});

test('code at top level that never ends is refused by the name of its Worker', async (context) => {
  const { runtime, open } = await fixture(context, { startTimeoutMs: 1_000 });
  await runtime.deploy([worker('good', GOOD)]);
  await assert.rejects(runtime.deploy([worker('good', GOOD), worker('endless', 'for (;;);')]), {
    code: 'script-invalid',
    message: /Worker endless was refused: its code at top level/,
  });
  assert.equal(await invokeText(runtime, 'good'), 'fine');
  await runtime.close();
  // None runs yet: any of them could be the one.
  const many = ['a', 'b', 'endless', 'c'].map((name) =>
    worker(name, name === 'endless' ? 'for (;;);' : GOOD),
  );
  await assert.rejects(open().deploy(many), { code: 'script-invalid', message: /^The Worker endless / });
});
