import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventsByWorker } from '../../../../src/accounts/local/workerd/trace-server.js';
import { traceEvent } from '../../../../src/protocol/resources.js';
import { fixture, invokeText, until, worker } from './runtime-fixture.js';

const LOUD = `export default { fetch(r, env, ctx) {
  const { pathname } = new URL(r.url);
  console.log('at', pathname, { nested: ['ä', 'tab\\t', 'line\\n'] });
  console.error('oh');
  if (pathname === '/throw') throw new TypeError('boom');
  return new Response('ok');
} };`;

test('listeners get each event in the shape of Cloudflare: logs, exceptions, outcome', async (context) => {
  const { runtime } = await fixture(context);
  await runtime.deploy([worker('loud', LOUD)]);
  await invokeText(runtime, 'loud', '/unheard');
  const got: [string, string][] = [];
  const unsubscribe = runtime.onTrace((name, events) =>
    got.push(...events.map((event): [string, string] => [name, event])),
  );
  const before = Date.now();
  await invokeText(runtime, 'loud', '/a', { headers: { authorization: 'Bearer secret' } });
  await invokeText(runtime, 'loud', '/throw');
  await until('two events', () => got.length === 2);
  const [first, second] = got.map(([name, json]) => {
    assert.equal(name, 'loud');
    return traceEvent().parse(JSON.parse(json));
  });
  assert.equal(first?.scriptName, 'loud');
  assert.equal(first?.outcome, 'ok');
  assert.ok(first?.eventTimestamp && first.eventTimestamp >= before && first.eventTimestamp <= Date.now());
  assert.deepEqual(
    first?.logs.map(({ level, message }) => [level, message]),
    [
      ['log', ['at', '/a', { nested: ['ä', 'tab\t', 'line\n'] }]],
      ['error', ['oh']],
    ],
  );
  const event = first?.event as {
    request: { url: string; headers: Record<string, string> };
    response: unknown;
  };
  assert.equal(event.request.url, 'http://loud.local/a');
  assert.equal(event.request.headers.authorization, 'REDACTED');
  assert.deepEqual(event.response, { status: 200 });
  assert.equal(second?.outcome, 'exception');
  assert.deepEqual(
    second?.exceptions.map(({ name, message }) => [name, message]),
    [['TypeError', 'boom']],
  );

  unsubscribe();
  unsubscribe();
  await invokeText(runtime, 'loud', '/unheard');
  runtime.onTrace((name, events) => got.push(...events.map((json): [string, string] => [name, json])));
  await invokeText(runtime, 'loud', '/last');
  await until('the third event', () => got.length >= 3);
  assert.ok(got.at(-1)?.[1].includes('/last'), 'what nobody listened to is not kept');
});

test('events keep coming after a deploy, from all Workers, none lost in a burst', async (context) => {
  const { runtime } = await fixture(context);
  const counts = new Map<string, number>();
  runtime.onTrace((name, events) => counts.set(name, (counts.get(name) ?? 0) + events.length));
  await runtime.deploy([worker('one', LOUD)]);
  await runtime.deploy([worker('one', LOUD), worker('two', LOUD)]);
  const burst = Array.from({ length: 200 }, (_, index) =>
    invokeText(runtime, index % 2 ? 'one' : 'two', `/${index}`),
  );
  await Promise.all(burst);
  await until('200 events', () => (counts.get('one') ?? 0) + (counts.get('two') ?? 0) === 200);
  assert.deepEqual([counts.get('one'), counts.get('two')], [100, 100]);
});

test('a batch is cut into the events of each Worker without being parsed', () => {
  const batches = eventsByWorker('a\t{"x":"\\t\\n"}\nb\t{}\na\t[]\n');
  assert.deepEqual(
    [...batches],
    [
      ['a', ['{"x":"\\t\\n"}', '[]']],
      ['b', ['{}']],
    ],
  );
});

test('a flood beyond what Node takes is bounded, and the loss is counted', async (context) => {
  const { runtime } = await fixture(context);
  const script = `export default { fetch() {
    for (let i = 0; i < 100; i++) console.log('x'.repeat(1000));
    return new Response('ok');
  } };`;
  await runtime.deploy([worker('flood', script)]);
  let got = 0;
  let lost = 0;
  const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));
  runtime.onTrace((_name, events, dropped) => {
    got += events.length;
    lost += dropped;
    // A listener that takes its time: the posts wait for it, the Worker does not.
    Atomics.wait(nobodyWakes, 0, 0, 200);
  });
  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: 100 }, () => invokeText(runtime, 'flood')));
  }
  await until('every event to be told as got or lost', () => got + lost === 300);
});

test('whatever a Worker gives to diagnostics_channel, its event comes or is counted, and so do its neighbours', async (context) => {
  const { runtime } = await fixture(context);
  const script = `import { channel } from 'node:diagnostics_channel';
  const cycle = {};
  cycle.self = cycle;
  let deep = [];
  for (let i = 0; i < 20000; i++) deep = [deep];
  const MESSAGES = [1n, { big: [2n ** 70n] }, cycle, deep, new Map([[1, 2n]]), new Uint8Array(9), NaN, undefined, 'text'];
  export default { fetch(request) {
    const at = Number(new URL(request.url).pathname.slice(1));
    try { channel('any').publish(MESSAGES[at]); } catch { return new Response('not published'); }
    return new Response(String(MESSAGES.length));
  } };`;
  await runtime.deploy([worker('any', script, { compatibilityFlags: ['nodejs_compat'] })]);
  const got: string[] = [];
  let lost = 0;
  runtime.onTrace((_name, events, dropped) => {
    got.push(...events);
    lost += dropped;
  });
  for (let at = 0, count = 1; at < count; at++) {
    const answer = await invokeText(runtime, 'any', `/${at}`);
    if (answer !== 'not published') count = Number(answer);
    // Each is told by itself: the next event may be long in coming.
    await until(`event ${at}`, () => got.length + lost === at + 1);
  }
  assert.ok(
    got.some((event) => event.includes('"1n"')),
    'a BigInt as JavaScript writes it',
  );
  assert.ok(lost >= 1, 'a cycle cannot be written');
});

test('what a post has lost on its way is counted with the next', async (context) => {
  const { runtime } = await fixture(context);
  await runtime.deploy([worker('loud', LOUD)]);
  let got = 0;
  let lost = 0;
  let refused = 0;
  let isBroken = true;
  runtime.onTrace((_name, events, dropped) => {
    if (isBroken) {
      refused += events.length;
      throw new Error('not taken');
    }
    got += events.length;
    lost += dropped;
  });
  await Promise.all(Array.from({ length: 20 }, () => invokeText(runtime, 'loud')));
  await until('a post that is refused', () => refused > 0);
  isBroken = false;
  await invokeText(runtime, 'loud');
  await until('every event to be told as got or lost', () => got + lost === 21);
  assert.ok(lost > 0);
});
