import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { bytes, fixture, invokeText, textOf, until, worker } from './runtime-fixture.js';

const NAMESPACE = '0123456789abcdef0123456789abcdef';

function stream(size: number, chunkSize = 64 * 1024): ReadableStream<Uint8Array> {
  let left = size;
  return new ReadableStream({
    pull(controller) {
      if (left === 0) return controller.close();
      const length = Math.min(left, chunkSize);
      left -= length;
      controller.enqueue(new Uint8Array(length).fill(left & 0xff));
    },
  });
}

async function sizeOf(body: ReadableStream<Uint8Array> | undefined): Promise<number> {
  let size = 0;
  for await (const chunk of body ?? []) size += chunk.byteLength;
  return size;
}

test('a storage folder that is a link is refused: a copy of the state directory would share it', async (context) => {
  const { folder, stateDir, open } = await fixture(context);
  const elsewhere = join(folder, 'elsewhere');
  mkdirSync(elsewhere, { mode: 0o700 });
  for (const link of ['storage', 'storage/objects']) {
    rmSync(stateDir, { recursive: true, force: true });
    mkdirSync(join(stateDir, link, '..'), { recursive: true, mode: 0o700 });
    symlinkSync(elsewhere, join(stateDir, link));
    const runtime = open();
    const refused = (error: { code: string; message: string }) => {
      assert.equal(error.code, 'file-error');
      assert.match(error.message, /is a link/);
      return true;
    };
    await assert.rejects(runtime.kv.put(NAMESPACE, 'key', bytes('value')), refused);
    await assert.rejects(runtime.r2.put('bucket', 'key', stream(1)), refused);
    assert.deepEqual(readdirSync(elsewhere), []);
    rmSync(join(stateDir, link));
    await runtime.kv.put(NAMESPACE, 'key', bytes('value'));
    await runtime.r2.put('bucket', 'key', bytes('value'));
  }
});

test('KV keeps values, metadata and expiration, and the Worker sees the same', async (context) => {
  const { runtime } = await fixture(context);
  const { kv } = runtime;
  const expiration = Math.floor(Date.now() / 1000) + 3600;
  await kv.put(NAMESPACE, 'ä/ö?&%', bytes('välue'), { metadata: { ü: [1] }, expiration });
  await kv.put(NAMESPACE, 'plain', bytes(''));
  await kv.put(NAMESPACE, 'ttl', bytes('x'), { expirationTtl: 60 });
  const got = await kv.get(NAMESPACE, 'ä/ö?&%');
  assert.deepEqual(
    [await textOf(got?.body), got?.metadata, got?.expiration],
    ['välue', { ü: [1] }, expiration],
  );
  const plain = await kv.get(NAMESPACE, 'plain');
  assert.deepEqual(
    [await textOf(plain?.body), plain?.metadata, plain?.expiration],
    ['', undefined, undefined],
  );
  assert.equal(await kv.get(NAMESPACE, 'nothing'), undefined);
  assert.equal(await kv.get('f'.repeat(32), 'plain'), undefined, 'namespaces are apart');

  const script = `export default { async fetch(r, env) {
    await env.KV.put('by-worker', 'w', { metadata: { m: 'ß' } });
    return Response.json(await env.KV.getWithMetadata('ä/ö?&%'));
  } };`;
  const bindings = [{ type: 'kv_namespace' as const, name: 'KV', namespace_id: NAMESPACE }];
  await runtime.deploy([worker('w', script, { bindings })]);
  const seen = JSON.parse(await invokeText(runtime, 'w'));
  assert.deepEqual([seen.value, seen.metadata], ['välue', { ü: [1] }]);
  assert.deepEqual((await kv.get(NAMESPACE, 'by-worker'))?.metadata, { m: 'ß' });

  await kv.delete(NAMESPACE, 'plain');
  await kv.delete(NAMESPACE, 'plain');
  assert.deepEqual(
    (await kv.list(NAMESPACE)).keys.map(({ name }) => name),
    ['by-worker', 'ttl', 'ä/ö?&%'],
  );
  await kv.clear(NAMESPACE);
  assert.deepEqual(await kv.list(NAMESPACE), { keys: [] });
});

test('KV lists by prefix, a page at a time', async (context) => {
  const { kv } = (await fixture(context)).runtime;
  const names = ['a:1', 'a:2', 'a:3', 'b:1'];
  await Promise.all(names.map((name) => kv.put(NAMESPACE, name, bytes(name), { metadata: name })));
  const first = await kv.list(NAMESPACE, { prefix: 'a:', limit: 2 });
  assert.deepEqual(first.keys, [
    { name: 'a:1', metadata: 'a:1' },
    { name: 'a:2', metadata: 'a:2' },
  ]);
  const second = await kv.list(NAMESPACE, {
    prefix: 'a:',
    limit: 2,
    ...(first.cursor && { cursor: first.cursor }),
  });
  assert.deepEqual(second, { keys: [{ name: 'a:3', metadata: 'a:3' }] });
});

test('KV refuses what the binding refuses, and goes on', async (context) => {
  const { kv } = (await fixture(context)).runtime;
  const put = (key: string, body: Uint8Array | ReadableStream<Uint8Array>, options = {}) =>
    kv.put(NAMESPACE, key, body, options);
  for (const key of ['', '.', '..']) await assert.rejects(put(key, bytes('x')), { code: 'invalid-params' });
  await assert.rejects(put('ä'.repeat(257), bytes('x')), { code: 'limit-exceeded' });
  await assert.rejects(put('k', bytes('x'), { expirationTtl: 5 }), {
    code: 'invalid-params',
    message: /at least 60/,
  });
  await assert.rejects(put('k', bytes('x'), { metadata: 'm'.repeat(1025) }), { code: 'limit-exceeded' });
  await assert.rejects(put('k', new Uint8Array(25 * 1024 * 1024 + 1)), { code: 'limit-exceeded' });
  await assert.rejects(put('k', stream(26 * 1024 * 1024)), { code: 'limit-exceeded' });
  const broken = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new Error('mine')),
  });
  await assert.rejects(put('k', broken), /mine/);
  assert.equal(await kv.get(NAMESPACE, 'k'), undefined);
  await put('k', stream(25 * 1024 * 1024));
  assert.equal(await sizeOf((await kv.get(NAMESPACE, 'k'))?.body), 25 * 1024 * 1024);
});

test('R2 keeps objects with metadata, gives ranges, and the Worker sees the same', async (context) => {
  const { runtime } = await fixture(context);
  const { r2 } = runtime;
  const put = await r2.put('bucket', 'dir/ä.txt', bytes('0123456789'), {
    httpMetadata: { contentType: 'text/plain', cacheExpiry: '2030-01-01T00:00:00.000Z' },
    customMetadata: { owner: 'me' },
  });
  assert.equal(put.etag, '781e5e245d69b566979b86e28d23f2c7');
  assert.equal(put.size, 10);
  const head = await r2.head('bucket', 'dir/ä.txt');
  assert.equal(head?.uploaded, put.uploaded);
  assert.deepEqual(head?.httpMetadata, {
    contentType: 'text/plain',
    cacheExpiry: '2030-01-01T00:00:00.000Z',
  });
  assert.deepEqual(head?.customMetadata, { owner: 'me' });
  const got = await r2.get('bucket', 'dir/ä.txt');
  assert.equal(await textOf(got?.body), '0123456789');
  assert.equal(got?.range, undefined);
  const range = await r2.get('bucket', 'dir/ä.txt', { range: 'bytes=2-4' });
  assert.deepEqual([await textOf(range?.body), range?.range], ['234', { offset: 2, length: 3 }]);
  const suffix = await r2.get('bucket', 'dir/ä.txt', { range: 'bytes=-3' });
  assert.deepEqual([await textOf(suffix?.body), suffix?.range], ['789', { offset: 7, length: 3 }]);
  await assert.rejects(r2.get('bucket', 'dir/ä.txt', { range: 'bytes=10-' }), { code: 'invalid-params' });
  assert.equal(await r2.head('bucket', 'nothing'), undefined);
  assert.equal(await r2.get('bucket', 'nothing'), undefined);
  assert.equal(await r2.get('other', 'dir/ä.txt'), undefined, 'buckets are apart');

  const script = `export default { async fetch(r, env) {
    const upload = await env.R2.createMultipartUpload('multi');
    const parts = [await upload.uploadPart(1, new Uint8Array(5 * 1024 * 1024)), await upload.uploadPart(2, 'end')];
    await upload.complete(parts);
    const object = await env.R2.get('dir/ä.txt', { range: { offset: 1, length: 2 } });
    return Response.json([await object.text(), object.customMetadata]);
  } };`;
  const bindings = [{ type: 'r2_bucket' as const, name: 'R2', bucket_name: 'bucket' }];
  await runtime.deploy([worker('w', script, { bindings })]);
  assert.deepEqual(JSON.parse(await invokeText(runtime, 'w')), ['12', { owner: 'me' }]);
  const multi = await r2.get('bucket', 'multi');
  assert.equal(multi?.object.size, 5 * 1024 * 1024 + 3);
  assert.equal(await sizeOf(multi?.body), 5 * 1024 * 1024 + 3);
  await r2.delete('bucket', ['multi', 'dir/ä.txt', 'nothing']);
  assert.deepEqual(await r2.list('bucket'), { objects: [], delimitedPrefixes: [] });
});

test('R2 takes streams of known and of unknown size, and refuses a wrong size', async (context) => {
  const { r2 } = (await fixture(context)).runtime;
  const size = 20 * 1024 * 1024 + 7;
  const known = await r2.put('b', 'known', stream(size), { size });
  const unknown = await r2.put('b', 'unknown', stream(size));
  assert.deepEqual([known.size, known.etag], [unknown.size, unknown.etag]);
  assert.equal(await sizeOf((await r2.get('b', 'unknown'))?.body), size);
  await assert.rejects(r2.put('b', 'bad', stream(10), { size: 11 }), {
    code: 'invalid-params',
    message: /shorter/,
  });
  await assert.rejects(r2.put('b', 'bad', stream(12), { size: 11 }), {
    code: 'invalid-params',
    message: /longer/,
  });
  await assert.rejects(r2.put('b', 'k'.repeat(1025), bytes('x')), { code: 'invalid-params' });
  assert.equal(await r2.head('b', 'bad'), undefined);
  assert.equal((await r2.put('b', 'array', new Uint8Array(size))).size, size);
  assert.equal((await r2.put('b', 'empty', stream(0))).size, 0);
  assert.equal(await sizeOf((await r2.get('b', 'empty'))?.body), 0);
});

test('R2 lists by prefix, delimiter and cursor', async (context) => {
  const { r2 } = (await fixture(context)).runtime;
  const keys = ['a/1', 'a/2', 'b/1', 'c', ...Array.from({ length: 120 }, (_, index) => `z/${1000 + index}`)];
  for (const key of keys) await r2.put('b', key, bytes(key), { customMetadata: { key } });
  const top = await r2.list('b', { delimiter: '/' });
  assert.deepEqual([top.objects.map(({ key }) => key), top.delimitedPrefixes], [['c'], ['a/', 'b/', 'z/']]);
  const all = await r2.list('b');
  assert.deepEqual(
    all.objects.map(({ key }) => key),
    keys,
  );
  assert.deepEqual(all.objects.at(-1)?.customMetadata, { key: 'z/1119' });
  const first = await r2.list('b', { prefix: 'z/', limit: 110 });
  assert.equal(first.objects.length, 110);
  const second = await r2.list('b', {
    prefix: 'z/',
    limit: 110,
    ...(first.cursor && { cursor: first.cursor }),
  });
  assert.deepEqual([second.objects.length, second.cursor], [10, undefined]);
  assert.equal((await r2.list('b', { startAfter: 'b/1' })).objects[0]?.key, 'c');
});

test('values and objects are still there after a close and after SIGKILL', async (context) => {
  const { runtime, open } = await fixture(context);
  await runtime.kv.put(NAMESPACE, 'large', stream(200_000));
  await runtime.r2.put('b', 'o', bytes('object'));
  await runtime.close();
  const second = open();
  assert.equal(await sizeOf((await second.kv.get(NAMESPACE, 'large'))?.body), 200_000);
  await second.kv.put(NAMESPACE, 'small', bytes('s'));
  const [storagePid] = second.pids;
  process.kill(storagePid as number, 'SIGKILL');
  // The next use finds it dead, or its connection breaks once: either way the one after that works.
  await second.kv.get(NAMESPACE, 'small').catch((error) => assert.equal(error.code, 'workerd-failed'));
  assert.equal(await textOf((await second.kv.get(NAMESPACE, 'small'))?.body), 's');
  assert.notEqual(second.pids[0], storagePid);
  assert.equal(await textOf((await second.r2.get('b', 'o'))?.body), 'object');
});

test('a Worker finds the storage again after it died', async (context) => {
  const { runtime } = await fixture(context);
  const script = 'export default { fetch: (r, env) => env.KV.get("k").then((v) => new Response(v)) };';
  const bindings = [{ type: 'kv_namespace' as const, name: 'KV', namespace_id: NAMESPACE }];
  await runtime.deploy([worker('w', script, { bindings })]);
  await runtime.kv.put(NAMESPACE, 'k', bytes('v'));
  assert.equal(await invokeText(runtime, 'w'), 'v');
  const [storagePid, runtimePid] = runtime.pids;
  process.kill(storagePid as number, 'SIGKILL');
  await until('its end to be noticed', () => runtime.pids.length === 1);
  assert.equal(await invokeText(runtime, 'w'), 'v');
  assert.equal(runtime.pids[1], runtimePid, 'the Workers were not restarted');
});
