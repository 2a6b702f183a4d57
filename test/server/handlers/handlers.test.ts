import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Account } from '../../../src/accounts/account.js';
import { openAccount } from '../../../src/accounts/index.js';
import type { CallableMethod, Params, Result, SidecarError } from '../../../src/protocol/index.js';
import { parseParams, parseResult, Redactor } from '../../../src/protocol/index.js';
import type { CallContext, Handlers, ServerServices } from '../../../src/server/context.js';
import { createHandlers } from '../../../src/server/handlers/index.js';
import { collect, never, until } from '../../accounts/local/fixture.js';
import { callContext } from '../../support/call-context.js';
import { heldToContract } from '../../support/listed-errors.js';

const folder = await mkdtemp(join(tmpdir(), 'ff-test-'));
const stateDir = join(folder, 'state');
let account: Account;
await open();

after(async () => {
  await account.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(): Promise<void> {
  account = await openAccount({ account: 'local', stateDir, cwd: folder, env: {}, log: () => {} });
}

const services: ServerServices = {
  account: async () => account,
  cwd: folder,
  maxBodyBytes: 16 * 1024 * 1024,
  redactor: new Redactor([]),
  log: () => {},
};
const handlers = heldToContract(createHandlers(services));

/** Calls a method as the server does: params and result checked against the contract. */
async function call<M extends keyof Handlers & CallableMethod>(
  method: M,
  params: Params<M>,
  context = callContext(),
): Promise<Result<M>> {
  const handler = handlers[method] as unknown as (params: unknown, context: CallContext) => unknown;
  const result = await handler(parseParams(method, params), context);
  return parseResult(method, result);
}

const SCRIPT = `export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    console.log('path', pathname);
    if (pathname === '/throw') throw new Error('on purpose');
    if (pathname === '/bytes') return new Response(new Uint8Array([0, 255, 128]));
    if (pathname === '/big') return new Response(new Uint8Array(17 * 1024 * 1024));
    if (pathname === '/write') {
      await env.KV.put('from-worker', 'kv text', { metadata: { by: 'worker' } });
      await env.BUCKET.put('from-worker', 'r2 text');
    }
    return Response.json({ version: env.VERSION, kv: await env.KV.get('from-api'), secret: env.SECRET });
  },
};`;

const BINDINGS: Params<'dashboard.deployWorker'>['bindings'] = [
  { type: 'kv_namespace', name: 'KV' },
  { type: 'r2_bucket', name: 'BUCKET' },
];

test('a dry run builds, tells sizes and touches nothing', async () => {
  const result = await call('dashboard.deployWorker', { name: 'app', script: SCRIPT, dryRun: true });
  assert.equal(result.dryRun, true);
  assert.equal(result.size, Buffer.byteLength(SCRIPT));
  assert.ok(result.gzipSize > 0 && result.gzipSize < result.size);
  assert.equal(existsSync(stateDir), false);
});

test('a deploy provisions its bindings, serves, and is found by the dashboard', async () => {
  const messages: string[] = [];
  const deployed = await call(
    'dashboard.deployWorker',
    { name: 'app', script: SCRIPT, bindings: BINDINGS, vars: { VERSION: '1' }, message: 'first' },
    callContext(undefined, ({ message }) => messages.push(message)),
  );
  assert.equal(deployed.url, undefined);
  assert.equal(deployed.message, 'app was deployed to the local account.');
  assert.ok(deployed.version && deployed.etag && deployed.startupTimeMs);
  assert.deepEqual(deployed.warnings, [], 'what was created is no warning');
  assert.equal(deployed.notes.length, 2);
  assert.ok(messages.length >= 2);
  const data = await call('dashboard.getData', {});
  assert.deepEqual(
    [
      data.workers.map(({ name }) => name),
      data.kvNamespaces.map(({ title }) => title),
      data.r2Buckets.map(({ name }) => name),
    ],
    [['app'], ['app-kv'], ['app-bucket']],
  );
  assert.deepEqual(data.errors, []);
  assert.equal(data.deployments[0]?.message, 'first');
  assert.equal(data.deployments[0]?.versions[0]?.versionId, deployed.version);
});

test('KV and R2 are the same from both sides', async () => {
  const [namespace] = await call('dashboard.listKvNamespaces', {});
  const namespaceId = namespace?.id ?? '';
  await call('kv.put', { namespaceId, key: 'from-api', value: 'hello' });
  const answer = await call('dashboard.invokeWorker', { name: 'app', url: '/write' });
  assert.deepEqual([answer.status, JSON.parse(answer.body)], [200, { version: '1', kv: 'hello' }]);
  const value = await call('kv.get', { namespaceId, key: 'from-worker' });
  assert.deepEqual(value, { key: 'from-worker', value: 'kv text', metadata: { by: 'worker' } });
  const object = await call('r2.getObject', { bucket: 'app-bucket', key: 'from-worker' });
  assert.deepEqual([object.body, object.size], ['r2 text', 7]);
  const keys = await call('kv.listKeys', { namespaceId, prefix: 'from-' });
  assert.deepEqual(
    keys.items.map(({ name }) => name),
    ['from-api', 'from-worker'],
  );
});

test('bytes travel as base64, text as text, and what is too large says what to do', async () => {
  const bytes = await call('dashboard.invokeWorker', { name: 'app', url: '/bytes' });
  assert.deepEqual([bytes.body, bytes.bodyEncoding], ['AP+A', 'base64']);
  await assert.rejects(call('dashboard.invokeWorker', { name: 'app', url: '/big' }), {
    code: 'result-too-large',
  });
  await call('r2.putObject', { bucket: 'app-bucket', key: 'b', body: 'AP+A', bodyEncoding: 'base64' });
  const object = await call('r2.getObject', { bucket: 'app-bucket', key: 'b' });
  assert.deepEqual([object.body, object.bodyEncoding], ['AP+A', 'base64']);
  await assert.rejects(
    call('r2.putObject', { bucket: 'app-bucket', key: 'b', body: 'no base64!', bodyEncoding: 'base64' }),
    { code: 'invalid-params' },
  );
});

test('files are read and written by path, whole or not at all', async () => {
  const files = join(folder, 'files');
  await mkdir(files);
  const content = Buffer.alloc(20 * 1024 * 1024, 'fluorite');
  await writeFile(join(files, 'in.bin'), content);
  await call('r2.putObject', { bucket: 'app-bucket', key: 'file', path: 'files/in.bin' });
  await assert.rejects(call('r2.getObject', { bucket: 'app-bucket', key: 'file' }), {
    code: 'result-too-large',
    message: /path/,
  });
  const got = await call('r2.getObject', { bucket: 'app-bucket', key: 'file', path: 'files/out.bin' });
  assert.equal(got.path, join(files, 'out.bin'));
  assert.ok(content.equals(await readFile(join(files, 'out.bin'))));
  const [namespace] = await call('dashboard.listKvNamespaces', {});
  const namespaceId = namespace?.id ?? '';
  await call('kv.put', { namespaceId, key: 'file', path: join(files, 'in.bin'), metadata: { m: 1 } });
  await call('kv.get', { namespaceId, key: 'file', path: 'files/kv.bin' });
  assert.ok(content.equals(await readFile(join(files, 'kv.bin'))));
  assert.deepEqual((await readdir(files)).sort(), ['in.bin', 'kv.bin', 'out.bin']);
  for (const path of ['files/none.bin', 'files']) {
    await assert.rejects(call('r2.putObject', { bucket: 'app-bucket', key: 'x', path }), {
      code: 'file-error',
    });
  }
  await assert.rejects(call('r2.getObject', { bucket: 'app-bucket', key: 'b', path: 'no/such/folder/x' }), {
    code: 'file-error',
  });
  await writeFile(join(files, 'huge.bin'), Buffer.alloc(26 * 1024 * 1024));
  await assert.rejects(call('kv.put', { namespaceId, key: 'x', path: 'files/huge.bin' }), {
    code: 'limit-exceeded',
  });
});

test('a tail shows logs, exceptions and outcomes, filtered as asked', async () => {
  const all = collect();
  const errors = collect();
  const everything = await account.openTail({ workerName: 'app' }, all, never());
  const failing = await account.openTail({ workerName: 'app', status: ['error'] }, errors, never());
  await call('dashboard.invokeWorker', { name: 'app', url: '/fine' });
  assert.equal((await call('dashboard.invokeWorker', { name: 'app', url: '/throw' })).status, 500);
  await until(() => all.events.length === 2 && errors.events.length === 1, 'the events');
  assert.deepEqual(
    all.events.map(({ outcome, scriptName, logs }) => [outcome, scriptName, logs[0]?.message]),
    [
      ['ok', 'app', ['path', '/fine']],
      ['exception', 'app', ['path', '/throw']],
    ],
  );
  assert.equal(errors.events[0]?.outcome, 'exception');
  await everything.close();
  await failing.close();
});

test('at most ten tails watch one Worker', async () => {
  const tails = [];
  for (let n = 0; n < 10; n += 1)
    tails.push(await account.openTail({ workerName: 'app' }, collect(), never()));
  await assert.rejects(account.openTail({ workerName: 'app' }, collect(), never()), {
    code: 'limit-exceeded',
  });
  await tails[0]?.close();
  // The end of a tail arrives as the cancellation of its stream.
  const next = await account.openTail({ workerName: 'app' }, collect(), never());
  await Promise.all([...tails, next].map((tail) => tail.close()));
  await assert.rejects(account.openTail({ workerName: 'nobody' }, collect(), never()), { code: 'not-found' });
});

test('a redeploy keeps what was provisioned and the secrets, a broken one changes nothing', async () => {
  const secret = { type: 'secret_text' as const, name: 'SECRET', text: 's3cret' };
  await call('dashboard.deployWorker', {
    name: 'app',
    script: SCRIPT,
    bindings: [...BINDINGS, secret],
    vars: { VERSION: '2' },
  });
  const { warnings } = await call('dashboard.deployWorker', {
    name: 'app',
    modules: [{ name: 'main.js', content: SCRIPT }],
    bindings: BINDINGS,
    vars: { VERSION: '3' },
  });
  assert.deepEqual(warnings, []);
  await assert.rejects(call('dashboard.deployWorker', { name: 'app', script: 'export default {' }), {
    code: 'script-invalid',
    message: /^Could not deploy the Worker app: (?!.*refused).*SyntaxError/,
  });
  const { body } = await call('dashboard.invokeWorker', { name: 'app' });
  assert.deepEqual(JSON.parse(body), { version: '3', kv: 'hello', secret: 's3cret' });
});

test('ids and names of another account are created here, and said so', async () => {
  const id = 'abcdef0123456789abcdef0123456789';
  const { notes } = await call('dashboard.deployWorker', {
    name: 'moved',
    script: SCRIPT,
    bindings: [
      { type: 'kv_namespace', name: 'KV', namespace_id: id },
      { type: 'r2_bucket', name: 'BUCKET', bucket_name: 'their-bucket' },
    ],
  });
  assert.deepEqual(
    notes.map((note) => /local account/.test(note)),
    [true, true],
  );
  await call('kv.put', { namespaceId: id, key: 'from-api', value: 'there' });
  assert.equal(JSON.parse((await call('dashboard.invokeWorker', { name: 'moved' })).body).kv, 'there');
});

test('after everything was closed and opened again, all of it is there', async () => {
  await account.close();
  await open();
  const { body } = await call('dashboard.invokeWorker', { name: 'app' });
  assert.deepEqual(JSON.parse(body), { version: '3', kv: 'hello', secret: 's3cret' });
  const object = await call('r2.getObject', { bucket: 'app-bucket', key: 'from-worker' });
  assert.equal(object.body, 'r2 text');
  assert.equal(
    (await call('dashboard.getData', {})).deployments.filter(({ workerName }) => workerName === 'app').length,
    3,
  );
});

test('deleting a Worker ends its tails and leaves the others running', async () => {
  const sink = collect();
  await account.openTail({ workerName: 'moved' }, sink, never());
  await call('dashboard.deleteWorker', { name: 'moved' });
  await until(() => sink.ended.length > 0, 'the end of the tail');
  assert.deepEqual(sink.ended, [['worker-deleted', undefined]]);
  assert.equal((await call('dashboard.invokeWorker', { name: 'app' })).status, 200);
});

test('what is not there is not found, each by its name', async () => {
  const attempts: [() => Promise<unknown>, RegExp][] = [
    [() => call('dashboard.invokeWorker', { name: 'nobody' }), /nobody/],
    [() => call('dashboard.deleteWorker', { name: 'nobody' }), /nobody/],
    [() => call('dashboard.deleteR2Bucket', { name: 'no-bucket' }), /no-bucket/],
    [() => call('dashboard.deleteKvNamespace', { id: 'e'.repeat(32) }), /eeee/],
    [() => call('kv.get', { namespaceId: 'e'.repeat(32), key: 'k' }), /eeee/],
    [() => call('r2.listObjects', { bucket: 'no-bucket' }), /no-bucket/],
  ];
  for (const [attempt, message] of attempts) await assert.rejects(attempt(), { code: 'not-found', message });
});

test('a cancelled deploy is cancelled', async () => {
  const aborter = new AbortController();
  const deploy = call(
    'dashboard.deployWorker',
    { name: 'late', script: SCRIPT, bindings: BINDINGS },
    callContext(aborter.signal, () => aborter.abort()),
  );
  await assert.rejects(
    deploy,
    (error: SidecarError) => error.code === 'cancelled' && error.name === 'AbortError',
  );
});

test('the contract is discovered with schemas and errors', async () => {
  const document = await call('rpc.discover', {});
  const names = (document.methods as { name: string }[]).map(({ name }) => name);
  assert.ok(names.includes('dashboard.deployWorker') && names.includes('initialize'));
  assert.equal((await call('system.ping', { payload: { a: 1 } })).pong, true);
  assert.match((await call('system.version', {})).workerd ?? '', /^1\./);
});
