import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWorkerdRuntime } from '../../../../src/accounts/local/workerd/index.js';
import { fixture, invokeText, worker } from './runtime-fixture.js';

const GOOD = 'export default { fetch: () => new Response("fine") };';

test('a handler that loops for ever is ended, its process replaced, and the Workers beside it serve', async (context) => {
  const { runtime } = await fixture(context, { hangTimeoutMs: 500 });
  const loop =
    'export default { fetch(r) { if (r.url.endsWith("/loop")) for (;;); return new Response("up"); } };';
  await runtime.deploy([worker('loop', loop), worker('good', GOOD)]);
  assert.equal(await invokeText(runtime, 'good'), 'fine');
  await assert.rejects(invokeText(runtime, 'loop', '/loop'), {
    code: 'workerd-failed',
    message: /did not react for 0\.5 s.*in flight to loop/,
  });
  assert.equal(await invokeText(runtime, 'good'), 'fine');
  assert.equal(await invokeText(runtime, 'loop'), 'up');
});

test('a Worker that waits is not taken for one that hangs', async (context) => {
  const { runtime } = await fixture(context, { hangTimeoutMs: 200 });
  const wait = 'export default { fetch: () => scheduler.wait(1200).then(() => new Response("waited")) };';
  await runtime.deploy([worker('w', wait)]);
  const [pid] = runtime.pids;
  assert.equal(await invokeText(runtime, 'w'), 'waited');
  assert.deepEqual(runtime.pids, [pid]);
});

test('a Worker that never begins to answer is a timeout; the others and the next request go on', async (context) => {
  const { runtime } = await fixture(context, { responseTimeoutMs: 300 });
  const mute =
    'export default { fetch: (r) => r.url.endsWith("/mute") ? scheduler.wait(60000) : new Response(slow()) };' +
    'function slow() { const { readable, writable } = new TransformStream(); const w = writable.getWriter();' +
    ' const put = (t) => w.write(new TextEncoder().encode(t));' +
    ' put("a").then(() => scheduler.wait(800)).then(() => put("b")).then(() => w.close()); return readable; }';
  await runtime.deploy([worker('w', mute)]);
  const muted = invokeText(runtime, 'w', '/mute');
  const rejected = assert.rejects(muted, { code: 'timeout', data: { workerName: 'w', timeoutMs: 300 } });
  assert.equal(await invokeText(runtime, 'w'), 'ab', 'a body may take its time');
  await rejected;
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
