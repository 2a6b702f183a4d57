import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { bytes, fixture, invokeText, worker } from './runtime-fixture.js';

test('a Worker gets every kind of binding', async (context) => {
  const { runtime } = await fixture(context);
  const echo = worker(
    'echo',
    `import { WorkerEntrypoint } from 'cloudflare:workers';
     export class Admin extends WorkerEntrypoint { shout(s) { return s.toUpperCase(); } }
     export default { async fetch(r) { return new Response('echo ' + new URL(r.url).pathname); } };`,
  );
  const main = worker(
    'main',
    `export default { async fetch(r, env) {
       await env.KV.put('k', 'v');
       await env.R2.put('o', 'object');
       return Response.json({
         text: env.TEXT, secret: env.SECRET, json: env.JSON,
         kv: await env.KV.get('k'), r2: await (await env.R2.get('o')).text(),
         service: await (await env.ECHO.fetch('http://x/y')).text(),
         entrypoint: await env.ADMIN.shout('a'),
       });
     } };`,
    {
      bindings: [
        { type: 'plain_text', name: 'TEXT', text: 'te"xt\\ ä\n' },
        { type: 'secret_text', name: 'SECRET', text: 's3cret' },
        { type: 'json', name: 'JSON', json: { a: [1, null, 'ü'] } },
        { type: 'kv_namespace', name: 'KV', namespace_id: '0123456789abcdef0123456789abcdef' },
        { type: 'r2_bucket', name: 'R2', bucket_name: 'bucket' },
        { type: 'service', name: 'ECHO', service: 'echo' },
        { type: 'service', name: 'ADMIN', service: 'echo', entrypoint: 'Admin' },
      ],
    },
  );
  await runtime.deploy([main, echo]);
  assert.deepEqual(JSON.parse(await invokeText(runtime, 'main')), {
    text: 'te"xt\\ ä\n',
    secret: 's3cret',
    json: { a: [1, null, 'ü'] },
    kv: 'v',
    r2: 'object',
    service: 'echo /y',
    entrypoint: 'A',
  });
});

test('a text of every character up to U+017F, and what looks like escapes, arrives unchanged', async (context) => {
  const { runtime } = await fixture(context);
  const odd = `${Array.from({ length: 0x180 }, (_, code) => String.fromCharCode(code)).join('')}\\x41\\n😀")]`;
  const script = 'export default { fetch: (r, env) => Response.json(env.ODD) };';
  await runtime.deploy([
    worker('odd', script, { bindings: [{ type: 'plain_text', name: 'ODD', text: odd }] }),
  ]);
  assert.equal(JSON.parse(await invokeText(runtime, 'odd')), odd);
});

/** `(module (func (export "answer") (result i32) i32.const 42))` */
const WASM = Buffer.from(
  '0061736d010000000105016000017f03020100070a0106616e7377657200000a06010400412a0b',
  'hex',
);

test('a Worker imports every type of module, under odd names too', async (context) => {
  const { runtime } = await fixture(context);
  const script = `
    import esm from './lib/esm.js'; import cjs from './common.cjs'; import text from './ö "t".txt';
    import json from './data.json'; import data from './raw.bin'; import wasm from './answer.wasm';
    export default { async fetch() {
      const { exports } = await WebAssembly.instantiate(wasm);
      return Response.json({ esm, cjs: cjs.value, text, json, data: [...new Uint8Array(data)], wasm: exports.answer() });
    } };`;
  await runtime.deploy([
    worker('modules', '', {
      modules: [
        { name: 'lib/esm.js', type: 'esm', content: bytes('export default "esm"') },
        { name: 'index.js', type: 'esm', content: bytes(script) },
        { name: 'index.js.map', type: 'sourcemap', content: bytes('{}') },
        { name: 'common.cjs', type: 'commonjs', content: bytes('module.exports = { value: "cjs" }') },
        { name: 'ö "t".txt', type: 'text', content: bytes('te\\xt "ä"\n') },
        { name: 'data.json', type: 'json', content: bytes('{"a":1}') },
        { name: 'raw.bin', type: 'data', content: Uint8Array.of(0, 255, 34, 92) },
        { name: 'answer.wasm', type: 'wasm', content: WASM },
      ],
    }),
  ]);
  assert.deepEqual(JSON.parse(await invokeText(runtime, 'modules')), {
    esm: 'esm',
    cjs: 'cjs',
    text: 'te\\xt "ä"\n',
    json: { a: 1 },
    data: [0, 255, 34, 92],
    wasm: 42,
  });
});

const REFLECT = `export default { async fetch(r) {
  return Response.json({ url: r.url, method: r.method, headers: [...r.headers], cf: r.cf, body: await r.text() });
} };`;

test('a Worker sees the request that was made, and none of our own headers', async (context) => {
  const { runtime } = await fixture(context);
  await runtime.deploy([worker('reflect', REFLECT)]);
  const response = await runtime.invoke(
    'reflect',
    new Request('https://my-worker.local:8443/a%20b/ä?q=1&q=2', {
      method: 'POST',
      headers: { 'x-test': 'one', cookie: 'a=b', 'fluorite-flake-protocol': 'ftp' },
      body: 'body ä',
    }),
  );
  const seen = (await response.json()) as { headers: [string, string][]; [key: string]: unknown };
  assert.equal(seen.url, 'https://my-worker.local:8443/a%20b/%C3%A4?q=1&q=2');
  assert.equal(seen.method, 'POST');
  assert.equal(seen.body, 'body ä');
  assert.deepEqual(seen.cf, {});
  const headers = Object.fromEntries(seen.headers);
  assert.equal(headers['x-test'], 'one');
  assert.equal(headers.cookie, 'a=b');
  assert.equal(headers.host, 'my-worker.local:8443');
  assert.equal(headers['content-length'], '7');
  assert.deepEqual(
    Object.keys(headers).filter((name) => name.startsWith('fluorite')),
    [],
  );
});

test('status, repeated headers, empty and compressed bodies come back as they were sent', async (context) => {
  const { runtime } = await fixture(context);
  const script = `export default { fetch(r, env) {
    switch (new URL(r.url).pathname) {
      case '/cookies': return new Response('c', { status: 418, headers: [['set-cookie', 'a=1'], ['set-cookie', 'b=2']] });
      case '/empty': return new Response(null, { status: 204 });
      case '/redirect': return Response.redirect('https://example.com/', 302);
      case '/gzip': return new Response(Uint8Array.from(env.GZIP), { encodeBody: 'manual', headers: { 'content-encoding': 'gzip' } });
      case '/throw': throw new Error('boom');
    }
  } };`;
  const gzip = [...gzipSync('packed')];
  await runtime.deploy([worker('w', script, { bindings: [{ type: 'json', name: 'GZIP', json: gzip }] })]);
  const send = (path: string, init?: RequestInit) =>
    runtime.invoke('w', new Request(`http://w.local${path}`, init));
  const cookies = await send('/cookies');
  assert.equal(cookies.status, 418);
  assert.deepEqual(cookies.headers.getSetCookie(), ['a=1', 'b=2']);
  assert.equal((await send('/empty')).status, 204);
  assert.equal((await send('/cookies', { method: 'HEAD' })).status, 418);
  assert.equal((await send('/redirect')).headers.get('location'), 'https://example.com/');
  assert.equal(await (await send('/gzip')).text(), 'packed');
  assert.equal((await send('/throw')).status, 500);
  await assert.rejects(send('/', { headers: { upgrade: 'websocket' } }), { code: 'unsupported' });
});

test('bodies stream in both directions', async (context) => {
  const { runtime } = await fixture(context);
  await runtime.deploy([worker('pipe', 'export default { fetch: (r) => new Response(r.body) };')]);
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  void writer.write(bytes('first'));
  const request = new Request('http://pipe.local/', { method: 'POST', body: readable, duplex: 'half' });
  const response = await runtime.invoke('pipe', request);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  assert.equal(Buffer.from((await reader.read()).value ?? []).toString(), 'first');
  void writer.write(bytes('second'));
  assert.equal(Buffer.from((await reader.read()).value ?? []).toString(), 'second');
  await writer.close();
  assert.equal((await reader.read()).done, true);
});

test('an unknown Worker and an aborted request reject with their codes, and the next call works', async (context) => {
  const { runtime } = await fixture(context);
  await assert.rejects(invokeText(runtime, 'nobody'), { code: 'not-found' });
  await runtime.deploy([
    worker(
      'w',
      'export default { fetch: (r) => r.url.endsWith("slow") ? scheduler.wait(600000) : new Response("ok") };',
    ),
  ]);
  await assert.rejects(invokeText(runtime, 'nobody'), { code: 'not-found' });
  const aborter = new AbortController();
  const slow = invokeText(runtime, 'w', '/slow', { signal: aborter.signal });
  const refused = assert.rejects(slow, { code: 'cancelled' });
  // One behind it was answered: it has arrived.
  assert.equal(await invokeText(runtime, 'w'), 'ok');
  aborter.abort();
  await refused;
  assert.equal(await invokeText(runtime, 'w'), 'ok');
});

test('fetch() to the network says that it is off, and the cache keeps nothing', async (context) => {
  const { runtime } = await fixture(context);
  const script = `export default { async fetch() {
    const error = await fetch('https://example.com/').catch((e) => e.message);
    await caches.default.put('http://x/', new Response('a', { headers: { 'cache-control': 'max-age=60' } }));
    return Response.json({ error, cached: await caches.default.match('http://x/') ?? null });
  } };`;
  await runtime.deploy([worker('w', script)]);
  const { error, cached } = JSON.parse(await invokeText(runtime, 'w'));
  assert.match(error, /tried to reach the network, which is off/);
  assert.equal(cached, null);
});

test('nodejs_compat works, and a date past the runtime is lowered with a warning told once', async (context) => {
  const { runtime, logged } = await fixture(context);
  const script = `import { createHash } from 'node:crypto';
    export default { fetch: () => new Response(createHash('md5').update('a').digest('hex')) };`;
  const node = worker('node', script, {
    compatibilityDate: '2999-01-01',
    compatibilityFlags: ['nodejs_compat'],
  });
  await runtime.deploy([node]);
  await runtime.deploy([node]);
  assert.equal(await invokeText(runtime, 'node'), '0cc175b9c0f1b6a831c399e269772661');
  assert.equal(logged.filter((line) => line.includes('compatibility date 2999-01-01')).length, 1);
});
