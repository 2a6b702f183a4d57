import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { VirtualClock } from '../../../support/fault-clock.js';
import { bytes, fixture, invokeText, isAlive, until, worker } from './runtime-fixture.js';

const constant = (name: string, answer: string) =>
  worker(name, `export default { fetch: () => new Response(${JSON.stringify(answer)}) };`);

test('nothing runs before the first use, and nothing with no Workers', async (context) => {
  const { runtime, socketDir } = await fixture(context);
  assert.deepEqual(runtime.pids, []);
  await runtime.deploy([]);
  assert.deepEqual(runtime.pids, []);
  assert.throws(() => readdirSync(socketDir), { code: 'ENOENT' });
  await runtime.deploy([constant('w', 'here')]);
  assert.equal(runtime.pids.length, 1);
  await runtime.deploy([]);
  await until('the last generation to end', () => runtime.pids.length === 0);
  await assert.rejects(invokeText(runtime, 'w'), { code: 'not-found' });
});

test('a slow request finishes on its generation while the next one serves', async (context) => {
  const { runtime } = await fixture(context);
  const bindings = [{ type: 'kv_namespace' as const, name: 'KV', namespace_id: 'a'.repeat(32) }];
  const slow = worker(
    'w',
    `export default { async fetch(r, env) {
       const { readable, writable } = new TransformStream();
       const writer = writable.getWriter();
       (async () => {
         await writer.write(new TextEncoder().encode('started '));
         while (await env.KV.get('go') === null) await scheduler.wait(10);
         await writer.write(new TextEncoder().encode('finished'));
         await writer.close();
       })();
       return new Response(readable);
     } };`,
    { bindings },
  );
  await runtime.deploy([slow]);
  const response = await runtime.invoke('w', new Request('http://w.local/'));
  await runtime.deploy([constant('w', 'new')]);
  assert.equal(await invokeText(runtime, 'w'), 'new');
  // Both generations, and the storage.
  assert.equal(runtime.pids.length, 3);
  await runtime.kv.put('a'.repeat(32), 'go', bytes(''));
  assert.equal(await response.text(), 'started finished');
});

test('what a Worker left to waitUntil() has 5 s although it was replaced', async (context) => {
  const clock = new VirtualClock();
  clock.install(4000);
  context.after(() => clock.uninstall());
  const { runtime } = await fixture(context);
  const script = `export default { fetch(r, env, ctx) {
    ctx.waitUntil(scheduler.wait(300).then(() => env.KV.put('done', 'yes')));
    return new Response('answered');
  } };`;
  const bindings = [{ type: 'kv_namespace' as const, name: 'KV', namespace_id: 'a'.repeat(32) }];
  await runtime.deploy([worker('w', script, { bindings })]);
  assert.equal(await invokeText(runtime, 'w'), 'answered');
  await runtime.deploy([constant('w', 'new')]);
  const isDone = async () => (await runtime.kv.list('a'.repeat(32))).keys.length > 0;
  await until('the key to be written', isDone);
  await clock.advance(4999);
  assert.equal(runtime.pids.length, 3);
  await clock.advance(1);
  await until('the end of the old generation', () => runtime.pids.length === 2);
});

const BAD: [string, string, RegExp][] = [
  ['a syntax error', 'export default {', /SyntaxError: Unexpected end of input\n {2}at index\.js:1/],
  ['a throw at the top', 'throw new Error("no good")', /Error: no good/],
  ['a missing import', 'import x from "./missing.js"; export default {}', /missing\.js/],
];

test('a bad script is refused with the reason of workerd, and the old version serves on', async (context) => {
  const { runtime, socketDir } = await fixture(context);
  await runtime.deploy([constant('w', 'old')]);
  const { pids } = runtime;
  for (const [what, script, message] of BAD) {
    await assert.rejects(
      runtime.deploy([constant('other', 'o'), worker('w', script)]),
      (error: Error & { code: string; data: { workerName: string } }) => {
        assert.equal(error.code, 'script-invalid', what);
        assert.match(error.message, message);
        assert.equal(error.data.workerName, 'w');
        assert.ok(
          !JSON.stringify(error).includes(socketDir) && !error.message.includes('worker:'),
          error.message,
        );
        return true;
      },
    );
    assert.equal(await invokeText(runtime, 'w'), 'old');
  }
  const refuse = (rest: object, message: RegExp) =>
    assert.rejects(runtime.deploy([{ ...constant('w', 'new'), ...rest }]), {
      code: 'script-invalid',
      message,
    });
  await refuse({ compatibilityDate: '2026-13-99' }, /Invalid compatibility date: 2026-13-99/);
  await refuse({ compatibilityFlags: ['nonsense'] }, /No such compatibility flag: nonsense/);
  const bindings = [{ type: 'service', name: 'S', service: 'w', entrypoint: 'Nope' }];
  await refuse({ bindings }, /named entrypoint "Nope"/);
  assert.equal(await invokeText(runtime, 'w'), 'old');
  assert.deepEqual(runtime.pids, pids);
});

test('a binding to a Worker that is not deployed says so when it is used', async (context) => {
  const { runtime, logged } = await fixture(context);
  const script =
    'export default { fetch: (r, env) => env.S.fetch(r).catch((e) => new Response(e.message)) };';
  await runtime.deploy([
    worker('w', script, { bindings: [{ type: 'service', name: 'S', service: 'gone' }] }),
  ]);
  assert.equal(await invokeText(runtime, 'w'), 'The Worker gone of this service binding is not deployed.');
  assert.ok(logged.some((line) => line.includes('Worker gone')));
});

test('deploys that come at once run one after another, the last one wins', async (context) => {
  const { runtime } = await fixture(context);
  const answers = ['1', '2', '3', '4', '5'];
  await Promise.all(answers.map((answer) => runtime.deploy([constant('w', answer)])));
  assert.equal(await invokeText(runtime, 'w'), '5');
  await until('the old generations to end', () => runtime.pids.length === 1);
});

test('workerd killed: the request in flight rejects, the next one starts it anew', async (context) => {
  const { runtime } = await fixture(context);
  await runtime.deploy([
    worker(
      'w',
      'export default { fetch: (r) => r.url.endsWith("/slow") ? scheduler.wait(600000) : new Response("up") };',
    ),
  ]);
  assert.equal(await invokeText(runtime, 'w'), 'up');
  const inFlight = invokeText(runtime, 'w', '/slow');
  const rejected = assert.rejects(inFlight, { code: 'workerd-failed' });
  const [pid] = runtime.pids;
  // The request must have arrived: one behind it on the same runtime was answered.
  assert.equal(await invokeText(runtime, 'w'), 'up');
  process.kill(pid as number, 'SIGKILL');
  await rejected;
  await until('its end to be noticed', () => runtime.pids.length === 0);
  assert.equal(await invokeText(runtime, 'w'), 'up');
  assert.notEqual(runtime.pids[0], pid);
});

test('close() ends everything at any moment, twice, and later calls reject', async (context) => {
  const { runtime, socketDir, open } = await fixture(context);
  await runtime.deploy([constant('w', 'x')]);
  await runtime.kv.put('a'.repeat(32), 'k', new Uint8Array(1));
  const { pids } = runtime;
  assert.equal(pids.length, 2);
  const deploying = runtime.deploy([constant('w', 'y')]);
  const invoking = invokeText(runtime, 'w');
  await Promise.all([runtime.close(), runtime.close(), Promise.allSettled([deploying, invoking])]);
  assert.deepEqual(runtime.pids, []);
  assert.deepEqual(pids.filter(isAlive), []);
  assert.deepEqual(readdirSync(socketDir), []);
  await runtime.close();
  await assert.rejects(invokeText(runtime, 'w'), { code: 'not-running' });
  await assert.rejects(runtime.deploy([]), { code: 'not-running' });
  await assert.rejects(runtime.kv.list('a'.repeat(32)), { code: 'not-running' });

  // While the very first process is starting.
  const fresh = open();
  const starting = Promise.allSettled([fresh.deploy([constant('w', 'x')]), fresh.r2.list('b')]);
  await until('its folder', () => readdirSync(socketDir).length > 0);
  await fresh.close();
  for (const { status } of await starting) assert.equal(status, 'rejected');
  assert.deepEqual(readdirSync(socketDir), []);
});
