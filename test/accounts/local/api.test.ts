import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import * as kv from '../../../src/cloudflare/kv.js';
import * as r2 from '../../../src/cloudflare/r2.js';
import * as workers from '../../../src/cloudflare/workers.js';
import type { WorkerBinding } from '../../../src/protocol/index.js';
import { localAccount, never, noRuntime } from './fixture.js';

const { account, api } = await localAccount({ after });
const { client, accountId } = api;

interface Envelope {
  success: boolean;
  errors: { code: number; message: string }[];
  messages: unknown[];
  result: unknown;
  result_info?: Record<string, unknown>;
}

/** What is answered, as it is, whatever the status. */
async function raw(method: 'get' | 'post' | 'put' | 'delete' | 'patch', path: string, body?: unknown) {
  try {
    const response = await client[method](path, { body }).asResponse();
    return { status: response.status, body: (await response.json()) as Envelope };
  } catch (error) {
    const { status, error: answered } = error as { status: number; error: Envelope };
    return { status, body: answered };
  }
}

function upload(name: string, script: string, bindings: WorkerBinding[] = []): workers.ScriptUpload {
  const content = new TextEncoder().encode(script);
  return {
    name,
    mainModule: 'index.js',
    modules: [{ name: 'index.js', type: 'esm', content }],
    bindings,
    compatibilityDate: '2026-01-01',
    compatibilityFlags: [],
  };
}

const hello = (text: string) =>
  `export default { fetch() { return new Response(${JSON.stringify(text)}); } }`;
const textOf = async (name: string) => (await account.invoke(name, new Request('http://w/'))).text();

test('answers carry Cloudflare envelope, failures too', async () => {
  const found = await raw('get', `/accounts/${accountId}/storage/kv/namespaces?per_page=5`);
  assert.equal(found.status, 200);
  assert.deepEqual(found.body, {
    success: true,
    errors: [],
    messages: [],
    result: [],
    result_info: { page: 1, per_page: 5, count: 0, total_count: 0, total_pages: 0 },
  });
  const missing = await raw('get', `/accounts/${accountId}/storage/kv/namespaces/${'0'.repeat(32)}`);
  assert.equal(missing.status, 404);
  assert.equal(missing.body.success, false);
  assert.equal(missing.body.result, null);
  assert.equal(missing.body.errors[0]?.code, 10013);
});

test('what the local account does not offer is said so', async () => {
  const { status, body } = await raw('get', `/accounts/${accountId}/d1/database`);
  assert.equal(status, 404);
  assert.equal(body.errors[0]?.code, 7000);
  assert.match(body.errors[0]?.message ?? '', /does not offer GET .*d1\/database/);
});

test('the SDK sees one account, a user and a valid token', async () => {
  assert.deepEqual(
    (await client.accounts.list()).result.map(({ id, name }) => ({ id, name })),
    [{ id: accountId, name: 'local' }],
  );
  assert.equal(
    ((await raw('get', '/user/tokens/verify')).body.result as { status: string }).status,
    'active',
  );
  assert.equal((await raw('get', '/user')).status, 200);
});

test('listing and creating namespaces and buckets starts no workerd', async (t) => {
  const { api: bare } = await localAccount(t, { createRuntime: noRuntime });
  await kv.createKvNamespace(bare, 'one', never());
  await r2.createR2Bucket(bare, { name: 'one-bucket', locationHint: 'weur' }, never());
  assert.deepEqual(
    (await kv.listKvNamespaces(bare, never())).map(({ title }) => title),
    ['one'],
  );
  const [bucket] = await r2.listR2Buckets(bare, never());
  assert.equal(bucket?.location, 'weur');
  assert.deepEqual(await workers.listWorkers(bare, never()), []);
  assert.deepEqual(await workers.listDurableObjectNamespaces(bare, never()), []);
});

test('buckets and namespaces are listed past one page', async (t) => {
  const { api: bare } = await localAccount(t, { createRuntime: noRuntime });
  const titles = Array.from({ length: 120 }, (_, index) => `title-${String(index).padStart(3, '0')}`);
  for (const title of titles) await kv.createKvNamespace(bare, title, never());
  const listed = (await kv.listKvNamespaces(bare, never())).map(({ title }) => title).sort();
  assert.deepEqual(listed, titles);
});

test('a title, a bucket or a bad name is refused as Cloudflare refuses it', async () => {
  const { id } = await kv.createKvNamespace(api, 'twice', never());
  await assert.rejects(kv.createKvNamespace(api, 'twice', never()), { code: 'already-exists' });
  await kv.deleteKvNamespace(api, id, never());
  await assert.rejects(kv.deleteKvNamespace(api, id, never()), { code: 'not-found' });
  await r2.createR2Bucket(api, { name: 'twice' }, never());
  await assert.rejects(r2.createR2Bucket(api, { name: 'twice' }, never()), { code: 'already-exists' });
  assert.equal((await raw('post', `/accounts/${accountId}/r2/buckets`, { name: 'Bad_Name' })).status, 400);
  await r2.deleteR2Bucket(api, 'twice', never());
  await assert.rejects(r2.deleteR2Bucket(api, 'twice', never()), { code: 'not-found' });
});

test('keys, values, metadata and expiry go through the SDK and come back', async () => {
  const { id } = await kv.createKvNamespace(api, 'values', never());
  const bytes = new Blob([new Uint8Array([0, 255, 1, 254])]);
  const from = Math.floor(Date.now() / 1000) + 3600;
  await kv.putValue(api, id, 'a/b ü?', bytes, { metadata: { tag: 'é' }, expirationTtl: 3600 }, never());
  await kv.putValue(api, id, 'plain', new Blob(['text']), {}, never());
  const { body, expiration } = await kv.getValue(api, id, 'a/b ü?', never());
  assert.deepEqual([...new Uint8Array(await body.arrayBuffer())], [0, 255, 1, 254]);
  assert.ok(expiration && expiration >= from && expiration <= Math.ceil(Date.now() / 1000) + 3600);
  assert.deepEqual(await kv.getMetadata(api, id, 'a/b ü?', never()), { tag: 'é' });
  assert.equal(await kv.getMetadata(api, id, 'plain', never()), undefined);
  const { items } = await kv.listKeys(api, id, { prefix: 'a/' }, never());
  assert.deepEqual(items, [{ name: 'a/b ü?', expiration, metadata: { tag: 'é' } }]);
  await kv.deleteKey(api, id, 'plain', never());
  await assert.rejects(kv.getValue(api, id, 'plain', never()), { code: 'not-found' });
  await assert.rejects(kv.putValue(api, id, 'k', new Blob(['v']), { expirationTtl: 5 }, never()), {
    code: 'invalid-params',
  });
  await assert.rejects(kv.getValue(api, id, 'k'.repeat(513), never()), { code: 'limit-exceeded' });
});

test('pairs that are not what they say are told by their keys, and nothing is written', async () => {
  const { id } = await kv.createKvNamespace(api, 'strict', never());
  const path = `/accounts/${accountId}/storage/kv/namespaces/${id}`;
  const good = { key: 'good', value: 'v' };
  const bad: readonly unknown[] = [
    ...[null, 'x', 5, [], {}, { value: 'v' }, { key: 5, value: 'v' }],
    ...['', '.', '\ud800', 'x'.repeat(513)].map((key) => ({ key, value: 'v' })),
    ...[undefined, null, 5, {}, '\ud800'].map((value) => ({ key: 'bad', value })),
    ...['%', 'a', 'YQ', 'YQ==='].map((value) => ({ key: 'bad', value, base64: true })),
    ...['x', {}, 1.5, 5].map((expiration_ttl) => ({ key: 'bad', value: 'v', expiration_ttl })),
    { key: 'bad', value: 'v', expiration: 1 },
    { key: 'bad', value: 'v', metadata: 'x'.repeat(1025) },
  ];
  for (const pair of bad) {
    const { status, body } = await raw('put', `${path}/bulk`, [good, pair]);
    const { key } = (pair ?? {}) as { key?: unknown };
    const told = body.errors[0]?.message ?? '';
    assert.equal(status, 400, told);
    assert.match(told, typeof key === 'string' ? /the key "/ : /a pair without a key/);
    if (key === 'bad') assert.match(told, /the key "bad"/);
  }
  const { body } = await raw('put', `${path}/bulk`, [good, ...bad]);
  assert.match(body.errors[0]?.message ?? '', new RegExp(`and ${bad.length - 10} more`));
  assert.deepEqual((await kv.listKeys(api, id, {}, never())).items, []);
  for (const keys of [['good', 5], [null], [{ name: 5 }], ['.'], ['x'.repeat(513)]]) {
    assert.ok([400, 414].includes((await raw('post', `${path}/bulk/delete`, keys)).status));
    assert.ok([400, 414].includes((await raw('post', `${path}/bulk/get`, { keys })).status));
  }
});

test('many pairs are written, read and deleted at once, and listed page by page', async () => {
  const { id } = await kv.createKvNamespace(api, 'bulk', never());
  const names = Array.from({ length: 25 }, (_, index) => `k${String(index).padStart(2, '0')}`);
  const pairs = names.map((key) => ({ key, value: Buffer.from(key).toString('base64'), base64: true }));
  const path = `/accounts/${accountId}/storage/kv/namespaces/${id}`;
  assert.equal((await raw('put', `${path}/bulk`, pairs)).status, 200);
  const first = await kv.listKeys(api, id, { limit: 10 }, never());
  const second = await kv.listKeys(api, id, { limit: 10, cursor: first.cursor }, never());
  const third = await kv.listKeys(api, id, { limit: 10, cursor: second.cursor }, never());
  const all = [first, second, third].flatMap(({ items }) => items.map(({ name }) => name));
  assert.deepEqual(all, names);
  assert.equal(third.cursor, undefined);
  const read = await raw('post', `${path}/bulk/get`, { keys: ['k00', 'nope'] });
  assert.deepEqual((read.body.result as { values: object }).values, { k00: 'k00', nope: null });
  assert.equal((await raw('post', `${path}/bulk/delete`, names)).status, 200);
  assert.deepEqual((await kv.listKeys(api, id, {}, never())).items, []);
});

test('objects with their metadata go through the SDK and come back', async () => {
  await r2.createR2Bucket(api, { name: 'objects' }, never());
  const options = {
    httpMetadata: {
      contentType: 'text/x-test',
      cacheControl: 'max-age=60',
      cacheExpiry: '2030-01-01T00:00:00.000Z',
    },
    customMetadata: { who: 'Zoë' },
    storageClass: 'Standard',
  };
  const written = await r2.putObject(api, 'objects', 'dir/a ü.txt', new Blob(['content']), options, never());
  assert.equal(written.size, 7);
  const { object, body } = await r2.getObject(api, 'objects', 'dir/a ü.txt', never());
  assert.equal(await body.text(), 'content');
  assert.deepEqual(
    { ...object, lastModified: undefined },
    { key: 'dir/a ü.txt', size: 7, etag: written.etag, lastModified: undefined, ...options },
  );
  await r2.putObject(api, 'objects', 'top', new Blob(['']), {}, never());
  const top = await r2.listObjects(api, 'objects', { delimiter: '/' }, never());
  assert.deepEqual(top.prefixes, ['dir/']);
  assert.deepEqual(
    top.items.map(({ key, size }) => [key, size]),
    [['top', 0]],
  );
  const [listed] = (await r2.listObjects(api, 'objects', { prefix: 'dir/' }, never())).items;
  assert.deepEqual(listed?.customMetadata, options.customMetadata);
  assert.equal(listed?.httpMetadata?.contentType, 'text/x-test');
  const page = await r2.listObjects(api, 'objects', { limit: 1 }, never());
  assert.equal(page.items.length, 1);
  const rest = await r2.listObjects(api, 'objects', { limit: 1, cursor: page.cursor }, never());
  assert.deepEqual([rest.items[0]?.key, rest.cursor], ['top', undefined]);
  await assert.rejects(r2.deleteR2Bucket(api, 'objects', never()), { code: 'not-empty' });
  for (const key of ['top', 'dir/a ü.txt', 'never there'])
    await r2.deleteObject(api, 'objects', key, never());
  await assert.rejects(r2.getObject(api, 'objects', 'top', never()), { code: 'not-found' });
  await r2.deleteR2Bucket(api, 'objects', never());
});

test('an object keeps its storage class, and a bucket of another one is refused', async () => {
  const infrequent = { storageClass: 'InfrequentAccess' as const };
  await assert.rejects(r2.createR2Bucket(api, { name: 'cold-bucket', ...infrequent }, never()), {
    code: 'unsupported',
  });
  await r2.createR2Bucket(api, { name: 'warm-bucket' }, never());
  await r2.putObject(api, 'warm-bucket', 'o', new Blob(['x']), infrequent, never());
  const { object } = await r2.getObject(api, 'warm-bucket', 'o', never());
  assert.equal(object.storageClass, infrequent.storageClass);
  const frozen = r2.putObject(api, 'warm-bucket', 'p', new Blob(['x']), { storageClass: 'Frozen' }, never());
  await assert.rejects(frozen, { code: 'invalid-params', message: /Frozen/ });
});

test('a key that no URL can hold is listed and deleted, and refused in words where a URL is needed', async () => {
  await r2.createR2Bucket(api, { name: 'unaddressed' }, never());
  const keys = ['', '.', '..'];
  const puts = keys.map((key) => `await env.B.put(${JSON.stringify(key)}, 'w');`).join(' ');
  const script = `export default { async fetch(r, env) { ${puts} return new Response('put'); } }`;
  const bindings: WorkerBinding[] = [{ type: 'r2_bucket', name: 'B', bucket_name: 'unaddressed' }];
  await workers.uploadWorker(api, upload('putter', script, bindings), {}, never());
  assert.equal(await textOf('putter'), 'put');
  const { items } = await r2.listObjects(api, 'unaddressed', {}, never());
  assert.deepEqual(
    items.map(({ key }) => key),
    keys,
  );
  for (const key of keys) {
    const refused = { code: 'invalid-params', message: /no URL/ };
    await assert.rejects(r2.getObject(api, 'unaddressed', key, never()), refused);
    await assert.rejects(r2.putObject(api, 'unaddressed', key, new Blob(['x']), {}, never()), refused);
    await r2.deleteObject(api, 'unaddressed', key, never());
  }
  await r2.deleteR2Bucket(api, 'unaddressed', never());
});

test('metadata of a KV key has its limit in bytes of UTF-8', async () => {
  const { id } = await kv.createKvNamespace(api, 'metadata', never());
  const put = (metadata: unknown) => kv.putValue(api, id, 'k', new Blob(['v']), { metadata }, never());
  for (const fits of ['x'.repeat(1022), 'é'.repeat(511), `${'😀'.repeat(255)}xx`, '\x7f', '\0\n']) {
    await put(fits);
    assert.equal(await kv.getMetadata(api, id, 'k', never()), fits);
  }
  for (const over of ['x'.repeat(1023), `${'é'.repeat(511)}x`])
    await assert.rejects(put(over), { code: 'limit-exceeded' });
});

test('what R2 refuses has the status and number of Cloudflare', async () => {
  await r2.createR2Bucket(api, { name: 'refusing' }, never());
  await r2.putObject(api, 'refusing', 'o', new Blob(['0123456789']), {}, never());
  const objects = `/accounts/${accountId}/r2/buckets/refusing/objects`;
  const headers = { range: 'bytes=10-' };
  await assert.rejects(client.get(`${objects}/o`, { headers }).asResponse(), (error: { status: number }) => {
    assert.deepEqual(
      [error.status, (error as unknown as { error: Envelope }).error.errors[0]?.code],
      [416, 10039],
    );
    return true;
  });
  const keys = Array.from({ length: 1001 }, (_, index) => `k${index}`);
  assert.equal((await raw('delete', objects, keys)).status, 400);
  assert.equal((await raw('delete', objects, keys.slice(1))).status, 200);
  await assert.rejects(r2.listObjects(api, 'refusing', { cursor: 'foreign' }, never()), {
    code: 'invalid-params',
  });
});

test('a part of an object is answered with its range', async () => {
  await r2.createR2Bucket(api, { name: 'ranges' }, never());
  await r2.putObject(api, 'ranges', 'o', new Blob(['0123456789']), {}, never());
  const response = await client
    .get(`/accounts/${accountId}/r2/buckets/ranges/objects/o`, { headers: { range: 'bytes=2-4' } })
    .asResponse();
  assert.equal(response.status, 206);
  assert.equal(response.headers.get('content-range'), 'bytes 2-4/10');
  assert.equal(await response.text(), '234');
});

test('a redeploy keeps secrets, makes a version and a deployment, and serves at once', async () => {
  const secret: WorkerBinding = { type: 'secret_text', name: 'S', text: 'hidden' };
  const script = (n: number) =>
    `export default { fetch(r, env) { return new Response('${n} ' + env.S + ' ' + env.V); } }`;
  const first = await workers.uploadWorker(
    api,
    upload('kept', script(1), [secret]),
    { message: 'one' },
    never(),
  );
  assert.equal(await textOf('kept'), '1 hidden undefined');
  const plain: WorkerBinding = { type: 'plain_text', name: 'V', text: 'v' };
  const second = await workers.uploadWorker(
    api,
    upload('kept', script(2), [plain]),
    { message: 'two' },
    never(),
  );
  assert.equal(await textOf('kept'), '2 hidden v');
  const deployments = await workers.listDeployments(api, 'kept', never());
  assert.deepEqual(
    deployments.map(({ message, versions }) => [message, versions[0]?.versionId]),
    [
      ['two', second.version],
      ['one', first.version],
    ],
  );
  assert.deepEqual(await workers.listBindings(api, 'kept', never()), [
    plain,
    { type: 'secret_text', name: 'S' },
  ]);
  const [listed] = (await workers.listWorkers(api, never())).filter(({ name }) => name === 'kept');
  assert.equal(listed?.etag, second.etag);
});

test('an older version can be deployed again', async () => {
  const path = `/accounts/${accountId}/workers/scripts/rolled`;
  const { version } = await workers.uploadWorker(api, upload('rolled', hello('old')), {}, never());
  await workers.uploadWorker(api, upload('rolled', hello('new')), {}, never());
  assert.equal(await textOf('rolled'), 'new');
  const versions = [{ version_id: version, percentage: 100 }];
  assert.equal((await raw('post', `${path}/deployments`, { strategy: 'percentage', versions })).status, 200);
  assert.equal(await textOf('rolled'), 'old');
  const listed = (await raw('get', `${path}/versions`)).body.result as { items: { number: number }[] };
  assert.deepEqual(
    listed.items.map(({ number }) => number),
    [2, 1],
  );
});

test('secrets are put, listed without their values, and deleted', async () => {
  const path = `/accounts/${accountId}/workers/scripts/secretive/secrets`;
  const script = 'export default { fetch(r, env) { return new Response(String(env.KEY)); } }';
  await workers.uploadWorker(api, upload('secretive', script), {}, never());
  assert.equal((await raw('put', path, { name: 'KEY', text: 'abc', type: 'secret_text' })).status, 200);
  assert.equal(await textOf('secretive'), 'abc');
  assert.deepEqual((await raw('get', path)).body.result, [{ name: 'KEY', type: 'secret_text' }]);
  assert.equal((await raw('delete', `${path}/KEY`)).status, 200);
  assert.equal(await textOf('secretive'), 'undefined');
  assert.equal((await raw('delete', `${path}/KEY`)).status, 404);
});

test('an upload that could not be read again is refused before it runs, and the old version serves', async () => {
  await workers.uploadWorker(api, upload('lasting', hello('fine')), {}, never());
  const path = `/accounts/${accountId}/workers/scripts/lasting`;
  for (const [method, url] of [
    ['put', path],
    ['post', `${path}/versions`],
  ] as const) {
    for (const odd of [
      { annotations: { 'workers/message': { a: 1 } } },
      { compatibility_flags: [5] },
      { bindings: [{ type: 'json', json: 1 }] },
    ]) {
      const form = new FormData();
      form.set(
        'metadata',
        JSON.stringify({ main_module: 'index.js', compatibility_date: '2026-01-01', ...odd }),
      );
      form.set('index.js', new File([hello('other')], 'index.js', { type: 'application/javascript+module' }));
      // The SDK takes the error that the account's answer carries.
      await assert.rejects(
        client[method](url, { body: form }).asResponse(),
        (error: { status?: number; cause?: { code?: string } }) => {
          assert.ok(
            error.cause?.code === 'invalid-params' || error.status === 400,
            `${JSON.stringify(odd)}: ${error}`,
          );
          return true;
        },
      );
      assert.equal(await textOf('lasting'), 'fine');
    }
  }
});

test('a broken script is refused with the message of workerd, and the old version serves', async () => {
  await workers.uploadWorker(api, upload('sturdy', hello('fine')), {}, never());
  const before = await workers.listWorkers(api, never());
  await assert.rejects(
    workers.uploadWorker(api, upload('sturdy', 'export default {'), {}, never()),
    (error: Error) => {
      assert.deepEqual(
        { code: (error as Error & { code: string }).code, status: cloudflareOf(error).status },
        { code: 'script-invalid', status: 400 },
      );
      assert.equal(cloudflareOf(error).errors[0]?.code, 10021);
      assert.match(error.message, /SyntaxError/);
      return true;
    },
  );
  assert.equal(await textOf('sturdy'), 'fine');
  assert.deepEqual(await workers.listWorkers(api, never()), before);
});

function cloudflareOf(error: Error) {
  return (error as Error & { data: { cloudflare: { status: number; errors: { code: number }[] } } }).data
    .cloudflare;
}

test('a binding to what does not exist, or that cannot be served, is refused by its name', async () => {
  const cases: [Record<string, unknown>, string, RegExp][] = [
    [{ type: 'kv_namespace', name: 'KV', namespace_id: 'f'.repeat(32) }, 'not-found', /KV/],
    [{ type: 'r2_bucket', name: 'BUCKET', bucket_name: 'nowhere' }, 'not-found', /nowhere/],
    [{ type: 'service', name: 'OTHER', service: 'nobody' }, 'not-found', /nobody/],
    [{ type: 'd1', name: 'DB', id: 'x' }, 'unsupported', /DB of the type d1/],
    [{ type: 'plain_text', name: 'LONG', text: 'x'.repeat(6000) }, 'limit-exceeded', /LONG/],
  ];
  for (const [binding, code, message] of cases) {
    const wrong = upload('bound', hello('x'), [binding as unknown as WorkerBinding]);
    await assert.rejects(workers.uploadWorker(api, wrong, {}, never()), { code, message });
  }
  await assert.rejects(workers.deleteWorker(api, 'bound', never()), { code: 'not-found' });
});

test('a Worker that another one is bound to is not deleted under it', async () => {
  await workers.uploadWorker(api, upload('callee', hello('called')), {}, never());
  const script = 'export default { fetch(r, env) { return env.CALLEE.fetch(r); } }';
  const binding: WorkerBinding = { type: 'service', name: 'CALLEE', service: 'callee' };
  await workers.uploadWorker(api, upload('caller', script, [binding]), {}, never());
  assert.equal(await textOf('caller'), 'called');
  await assert.rejects(workers.deleteWorker(api, 'callee', never()), { code: 'conflict', message: /caller/ });
  await workers.deleteWorker(api, 'caller', never());
  await workers.deleteWorker(api, 'callee', never());
  await assert.rejects(account.invoke('callee', new Request('http://w/')), { code: 'not-found' });
});

test('what is named like a property of objects is a name like any other', async () => {
  await workers.uploadWorker(api, upload('__proto__', hello('fine')), {}, never());
  assert.equal(await textOf('__proto__'), 'fine');
  await workers.deleteWorker(api, '__proto__', never());
  await assert.rejects(workers.deleteWorker(api, '__proto__', never()), { code: 'not-found' });
  await assert.rejects(account.invoke('constructor', new Request('http://w/')), { code: 'not-found' });
});

test('status, headers and body of a Worker arrive as it sent them', async () => {
  const script = `export default { async fetch(request) {
    if (request.method === 'POST') return new Response(request.body, { status: 201, headers: { 'x-got': request.headers.get('x-sent') } });
    const headers = new Headers({ location: '/elsewhere' });
    headers.append('set-cookie', 'a=1');
    headers.append('set-cookie', 'b=2');
    return new Response(null, { status: 302, headers });
  } }`;
  await workers.uploadWorker(api, upload('echo', script), {}, never());
  const redirect = await account.invoke('echo', new Request('http://w/'));
  assert.equal(redirect.status, 302);
  assert.equal(redirect.headers.get('location'), '/elsewhere');
  assert.deepEqual(redirect.headers.getSetCookie(), ['a=1', 'b=2']);
  const bytes = new Uint8Array(300_000).map((_, index) => index % 251);
  const headers = { 'x-sent': 'yes', 'content-length': String(bytes.byteLength) };
  const request = new Request('http://w/', { method: 'POST', body: bytes, headers });
  const echoed = await account.invoke('echo', request);
  assert.equal(echoed.status, 201);
  assert.equal(echoed.headers.get('x-got'), 'yes');
  assert.deepEqual(new Uint8Array(await echoed.arrayBuffer()), bytes);
});

test('a cancelled call says so', async () => {
  const aborter = new AbortController();
  aborter.abort();
  await assert.rejects(workers.listWorkers(api, aborter.signal), { code: 'cancelled', name: 'AbortError' });
});
