import assert from 'node:assert/strict';
import { cp, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { bytes, type Fixture, fixture, invokeText, textOf, until, worker } from './runtime-fixture.js';

const NAMESPACE = '0123456789abcdef0123456789abcdef';
/** Every control character, what paths and URLs read as theirs, and the longest keys of each product. */
const ODD_KEYS = [
  ...Array.from({ length: 32 }, (_, code) => `c${String.fromCharCode(code)}d`),
  ...['\0', 'a\0', 'a\0b', 'a\0c/d', '\x7f', 'a/../b', '/', '//', '/a', 'a//', '%2F', '%', '?', '#', 'a b'],
  ...['é', '😀', '\u{10ffff}', '\u{10ffff}z', '\ud7ff', '\ue000', '__proto__', 'constructor', 'toString'],
];
const SCRIPT = `export default { async fetch(request, env) {
  const { product, method, args } = await request.json();
  try {
    const result = await env[product][method](...args);
    return Response.json({ result: result && typeof result.text === 'function' ? { ...about(result), text: await result.text() } : method === 'put' && product === 'R2' ? about(result) : result ?? null });
  } catch (error) { return Response.json({ error: error.message }); }
} };
const about = ({ key, size, storageClass, customMetadata, range }) => ({ key, size, storageClass, custom: Object.entries(customMetadata ?? {}), range });`;

/** A runtime, and what its Worker's own bindings answer. */
async function opened(context: Parameters<typeof fixture>[0]) {
  const all = await fixture(context);
  const bindings = [
    { type: 'kv_namespace' as const, name: 'KV', namespace_id: NAMESPACE },
    { type: 'r2_bucket' as const, name: 'R2', bucket_name: 'bucket' },
  ];
  await all.runtime.deploy([worker('w', SCRIPT, { bindings })]);
  const binding = async (product: 'KV' | 'R2', method: string, ...args: unknown[]) => {
    const body = JSON.stringify({ product, method, args });
    const text = await invokeText(all.runtime, 'w', '/', { method: 'POST', body });
    return JSON.parse(text) as { result?: Record<string, unknown>; error?: string };
  };
  return { ...all, binding };
}

function cancellable(): { signal: AbortSignal; abort: () => void } {
  const aborter = new AbortController();
  return { signal: aborter.signal, abort: () => aborter.abort() };
}

const inOrder = (keys: readonly string[]) =>
  [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
const beginning = (prefix: string) => inOrder(ODD_KEYS).filter((key) => key.startsWith(prefix));
const blobsOf = ({ stateDir }: Fixture, bucket: string) =>
  readdir(join(stateDir, 'storage', 'r2-blobs', bucket, 'blobs')).catch(() => []);

test('odd keys are one thing for a Worker and for KV from outside', async (context) => {
  const { runtime, binding } = await opened(context);
  for (const [index, key] of [...ODD_KEYS, 'k'.repeat(512)].entries()) {
    if (index % 2 === 0)
      assert.equal((await binding('KV', 'put', key, key)).error, undefined, JSON.stringify(key));
    else await runtime.kv.put(NAMESPACE, key, bytes(key));
    assert.equal(await textOf((await runtime.kv.get(NAMESPACE, key))?.body), key);
    assert.equal((await binding('KV', 'get', key)).result, key as never);
  }
  await runtime.kv.delete(NAMESPACE, 'k'.repeat(512));
  for (const prefix of ['', ...ODD_KEYS]) {
    const { keys } = await runtime.kv.list(NAMESPACE, { prefix });
    assert.deepEqual(
      keys.map(({ name }) => name),
      beginning(prefix),
      `prefix ${JSON.stringify(prefix)}`,
    );
  }
  for (const key of ODD_KEYS) await runtime.kv.delete(NAMESPACE, key);
  assert.deepEqual((await binding('KV', 'list')).result?.keys, []);
});

test('odd keys are one thing for a Worker and for R2 from outside', async (context) => {
  const { runtime, binding } = await opened(context);
  const { r2 } = runtime;
  const keys = [...ODD_KEYS, '', '.', '..', 'k'.repeat(1024)];
  for (const [index, key] of keys.entries()) {
    if (index % 2 === 0)
      assert.equal((await binding('R2', 'put', key, key)).error, undefined, JSON.stringify(key));
    else await r2.put('bucket', key, bytes(key));
    assert.equal(await textOf((await r2.get('bucket', key))?.body), key);
    assert.equal((await binding('R2', 'get', key)).result?.text, key);
  }
  await r2.delete('bucket', ['', '.', '..', 'k'.repeat(1024)]);
  for (const prefix of ['', ...ODD_KEYS]) {
    const { objects } = await r2.list('bucket', { prefix });
    assert.deepEqual(
      objects.map(({ key }) => key),
      beginning(prefix),
      `prefix ${JSON.stringify(prefix)}`,
    );
  }
  for (const delimiter of ['/', '\0', 'd']) {
    const expected = new Set<string>();
    for (const key of ODD_KEYS) {
      const at = key.indexOf(delimiter);
      if (at !== -1) expected.add(key.slice(0, at + delimiter.length));
    }
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await r2.list('bucket', { delimiter, limit: 5, ...(cursor !== undefined && { cursor }) });
      found.push(...page.delimitedPrefixes);
      cursor = page.cursor;
    } while (cursor !== undefined);
    assert.deepEqual(found, inOrder([...expected]), JSON.stringify(delimiter));
  }
  await r2.delete('bucket', ODD_KEYS);
  assert.deepEqual((await binding('R2', 'list')).result?.objects, []);
});

test('a cursor is taken by its own listing alone', async (context) => {
  const { runtime, binding } = await opened(context);
  for (const key of ['a1', 'a2', 'a3', 'b1']) {
    await runtime.kv.put(NAMESPACE, key, bytes('v'));
    await runtime.r2.put('bucket', key, bytes('v'));
    await runtime.r2.put('other', key, bytes('v'));
  }
  const kv = (await runtime.kv.list(NAMESPACE, { prefix: 'a', limit: 1 })).cursor ?? '';
  const r2 = (await runtime.r2.list('bucket', { prefix: 'a', limit: 1 })).cursor ?? '';
  assert.equal((await runtime.kv.list(NAMESPACE, { prefix: 'a', cursor: kv })).keys[0]?.name, 'a2');
  assert.equal((await runtime.r2.list('bucket', { prefix: 'a', cursor: r2 })).objects[0]?.key, 'a2');
  const refused = { code: 'invalid-params', message: /cursor/ };
  for (const cursor of ['x', 'YTE=', 'null', kv.slice(1), r2.slice(0, -2), `${kv}.${r2}`, '\u0000']) {
    await assert.rejects(runtime.kv.list(NAMESPACE, { prefix: 'a', cursor }), refused, cursor);
    await assert.rejects(runtime.r2.list('bucket', { prefix: 'a', cursor }), refused, cursor);
    assert.match((await binding('KV', 'list', { prefix: 'a', cursor })).error ?? '', /cursor/);
    assert.match((await binding('R2', 'list', { prefix: 'a', cursor })).error ?? '', /cursor/);
  }
  await assert.rejects(runtime.kv.list(NAMESPACE, { cursor: kv }), refused);
  await assert.rejects(runtime.kv.list('f'.repeat(32), { prefix: 'a', cursor: kv }), refused);
  await assert.rejects(runtime.r2.list('bucket', { cursor: r2 }), refused);
  await assert.rejects(runtime.r2.list('other', { prefix: 'a', cursor: r2 }), refused);
});

test('what is past a limit of R2 is refused to Workers and from outside, and leaves nothing', async (context) => {
  const all = await opened(context);
  const { binding } = all;
  const { r2 } = all.runtime;
  const fits = { customMetadata: { n: 'v'.repeat(8191) } };
  const large = { customMetadata: { n: 'v'.repeat(8192) } };
  const odd = { customMetadata: JSON.parse('{"__proto__":"p","constructor":"c","é":"😀","x-h":"a: b"}') };
  await r2.put('bucket', 'fits', bytes('x'), fits);
  assert.equal((await binding('R2', 'put', 'fits2', 'x', fits)).error, undefined);
  await r2.put('bucket', 'odd', bytes('x'), odd);
  assert.deepEqual(
    Object.entries((await r2.head('bucket', 'odd'))?.customMetadata ?? {}),
    Object.entries(odd.customMetadata),
  );
  const before = await blobsOf(all, 'bucket');
  for (const [key, options, code] of [
    ['k'.repeat(1025), {}, 'invalid-params'],
    ['k', large, 'limit-exceeded'],
    ['k', { storageClass: 'Frozen' }, 'invalid-params'],
  ] as const) {
    await assert.rejects(r2.put('bucket', key, bytes('x'), options), { code });
    assert.match((await binding('R2', 'put', key, 'x', options)).error ?? '', /\(10\d+\)|storage class/i);
  }
  assert.match((await binding('R2', 'put', 'k', 'x', { md5: '0'.repeat(32) })).error ?? '', /10037/);
  const many = Array.from({ length: 1001 }, (_, index) => `many${index}`);
  await assert.rejects(r2.delete('bucket', many), { code: 'invalid-params', message: /1000/ });
  assert.match((await binding('R2', 'delete', many)).error ?? '', /1000/);
  await r2.delete('bucket', many.slice(1));
  assert.deepEqual(await blobsOf(all, 'bucket'), before);
});

test('a range that no byte is in is refused, and any other gives what it asks for', async (context) => {
  const { runtime, binding } = await opened(context);
  await runtime.r2.put('bucket', 'k', bytes('0123456789'));
  await runtime.r2.put('bucket', 'empty', bytes(''));
  const read = async (range: string, key = 'k') =>
    textOf((await runtime.r2.get('bucket', key, { range }))?.body);
  for (const [range, text] of Object.entries({
    'bytes=9-': '9',
    'bytes=5-99': '56789',
    'bytes=-99': '0123456789',
    'bytes=0-0': '0',
    'bytes=1-2,4-5': '0123456789',
    'bytes=3-2': '0123456789',
    'items=1-2': '0123456789',
    'bytes=x': '0123456789',
  })) {
    assert.equal(await read(range), text, range);
  }
  for (const range of ['bytes=10-', 'bytes=10-12', 'bytes=-0', 'bytes=20-30,40-']) {
    await assert.rejects(read(range), { code: 'invalid-params', data: { status: 416 } }, range);
  }
  await assert.rejects(read('bytes=0-', 'empty'), { code: 'invalid-params' });
  for (const range of [
    { offset: 10 },
    { offset: 10, length: 5 },
    { offset: 11 },
    { suffix: 0 },
    { length: 0 },
  ]) {
    assert.match(
      (await binding('R2', 'get', 'k', { range })).error ?? '',
      /10039|range/i,
      JSON.stringify(range),
    );
  }
  assert.equal((await binding('R2', 'get', 'k', { range: { suffix: 99 } })).result?.text, '0123456789');
});

test('an object keeps its storage class, whoever wrote it', async (context) => {
  const { runtime, binding } = await opened(context);
  const storageClass = 'InfrequentAccess';
  assert.equal(
    (await runtime.r2.put('bucket', 'a', bytes('aa'), { storageClass })).storageClass,
    storageClass,
  );
  assert.equal((await binding('R2', 'put', 'b', 'bb', { storageClass })).result?.storageClass, storageClass);
  for (const [key, text] of [
    ['a', 'aa'],
    ['b', 'bb'],
  ] as const) {
    assert.equal((await runtime.r2.head('bucket', key))?.storageClass, storageClass);
    const { result } = await binding('R2', 'get', key);
    assert.deepEqual([result?.storageClass, result?.text], [storageClass, text]);
  }
  assert.deepEqual(
    (await runtime.r2.list('bucket')).objects.map((one) => one.storageClass),
    [storageClass, storageClass],
  );
  const script = `export default { async fetch(request, env) {
    const upload = await env.R2.createMultipartUpload('parts', { storageClass: '${storageClass}' });
    const { storageClass } = await upload.complete([await upload.uploadPart(1, 'part')]);
    return new Response(storageClass + ' ' + (await env.R2.head('parts')).storageClass);
  } };`;
  const bindings = [{ type: 'r2_bucket' as const, name: 'R2', bucket_name: 'bucket' }];
  await runtime.deploy([worker('parts', script, { bindings })]);
  assert.equal(await invokeText(runtime, 'parts'), `${storageClass} ${storageClass}`);
  await runtime.r2.put('bucket', 'a', bytes('again'));
  assert.equal((await runtime.r2.head('bucket', 'a'))?.storageClass, 'Standard');
});

test('an upload that breaks off leaves no file, nor does a process that was killed', async (context) => {
  const all = await fixture(context);
  await all.runtime.r2.put('b', 'kept', bytes('kept'));
  const [kept] = await blobsOf(all, 'b');
  const folder = join(all.stateDir, 'storage', 'r2-blobs', 'b', 'blobs');
  for (const sent of [1, 3, 20]) {
    let left = sent;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (left-- === 0) controller.error(new Error('cut'));
        else controller.enqueue(new Uint8Array(100_000));
      },
    });
    await assert.rejects(all.runtime.r2.put('b', 'cut', body, { size: 3_000_000 }), /cut/);
  }
  // One whose sender went silent ends with its signal.
  const { signal, abort } = cancellable();
  const silent = new ReadableStream<Uint8Array>({
    async pull(controller) {
      controller.enqueue(new Uint8Array(100_000));
      if ((await readdir(folder)).length > 1) abort();
    },
  });
  const cancelled = all.runtime.r2.put('b', 'cut', silent, { size: 300_000_000, signal });
  await assert.rejects(cancelled, { name: 'AbortError' });
  await until('what broke off to be removed', async () => (await blobsOf(all, 'b')).length === 1);
  await all.runtime.close();
  await cp(join(folder, kept ?? ''), join(folder, 'f'.repeat(80)));
  await writeFile(join(folder, `.${'f'.repeat(80)}.18704.1.tmp`), 'half');
  const again = all.open();
  await again.kv.list(NAMESPACE);
  await until('the leftovers to be removed', async () => (await blobsOf(all, 'b')).join() === kept);
  assert.equal(await textOf((await again.r2.get('b', 'kept'))?.body), 'kept');
  await assert.rejects(again.r2.wipe('b'), { code: 'not-empty' });
  await again.r2.delete('b', ['kept']);
  await again.r2.wipe('b');
  await until('the bucket to be empty', async () => (await blobsOf(all, 'b')).length === 0);
});
