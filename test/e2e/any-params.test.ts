// Params of any shape for every method, from the library to workerd: each call is carried out or ends with an error that
// its contract lists, and the sidecar goes on.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import type { CallableMethod, Params } from '../../src/protocol/index.js';
import { importLibrary } from '../support/built.js';
import { changed } from '../support/changed.js';
import { assertListed } from '../support/listed-errors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const runs = Number(process.env.FUZZ_RUNS ?? 1);
console.log(`# seed ${seed} (FUZZ_SEED=${seed} replays it)`);

const { TauriSidecar } = await importLibrary();
const folder = temporaryFolder();
const sidecar = new TauriSidecar({ account: 'local', stateDir: join(folder, 's'), cwd: folder });
const faults: unknown[] = [];
for (const event of ['process-exit', 'ipc-error', 'error'] as const)
  sidecar.on(event, (fault: unknown) => faults.push(fault));
after(() => sidecar.stop());
await sidecar.start();
const { namespace } = await sidecar.call('dashboard.createKvNamespace', { title: 't' });
await sidecar.call('dashboard.createR2Bucket', { name: 'bucket' });
const SCRIPT = 'export default { fetch: () => new Response() };';
await sidecar.call('dashboard.deployWorker', { name: 'w', script: SCRIPT });

const namespaceId = namespace.id;
const OTHER = { id: 'e'.repeat(32) };
const HTTP_METADATA = { contentType: 'a/b', contentDisposition: 'x', cacheExpiry: '2030-01-01T00:00:00Z' };
const BINDINGS: Params<'dashboard.deployWorker'>['bindings'] = [
  { type: 'kv_namespace', name: 'K', namespace_id: namespaceId },
  { type: 'r2_bucket', name: 'R', bucket_name: 'bucket' },
  { type: 'json', name: 'J', json: {} },
  { type: 'service', name: 'S', service: 'w' },
];

/** Params that are right, and delete nothing that the others need. */
const VALID: { readonly [M in CallableMethod]: Params<M> } = {
  'system.ping': { payload: { a: [1] } },
  'system.version': {},
  'system.shutdown': {},
  'rpc.discover': {},
  'dashboard.getData': {},
  'dashboard.deployWorker': {
    name: 'other',
    script: SCRIPT,
    vars: { A: 'b' },
    bindings: BINDINGS,
    compatibilityDate: '2026-01-01',
    compatibilityFlags: ['nodejs_compat'],
    message: 'm',
    dryRun: false,
  },
  'dashboard.listWorkers': {},
  'dashboard.deleteWorker': { name: 'none' },
  'dashboard.invokeWorker': {
    name: 'w',
    url: '/',
    method: 'POST',
    headers: { a: 'b' },
    body: 'YQ==',
    bodyEncoding: 'base64',
  },
  'dashboard.listR2Buckets': {},
  'dashboard.createR2Bucket': { name: 'another', locationHint: 'weur', storageClass: 'Standard' },
  'dashboard.deleteR2Bucket': { name: 'none' },
  'dashboard.listKvNamespaces': {},
  'dashboard.createKvNamespace': { title: 'another' },
  'dashboard.deleteKvNamespace': OTHER,
  'dashboard.tailLogs': {
    workerName: 'w',
    status: ['ok'],
    method: ['GET'],
    search: 's',
    samplingRate: 0.5,
    headers: [{ key: 'a', query: 'b' }],
    clientIp: ['self'],
  },
  'dashboard.stopTail': { tailId: 'none' },
  'r2.listObjects': { bucket: 'bucket', prefix: 'p', delimiter: '/', cursor: 'c', limit: 10 },
  'r2.getObject': { bucket: 'bucket', key: 'k', path: 'file' },
  'r2.putObject': {
    bucket: 'bucket',
    key: 'k',
    body: 'b',
    httpMetadata: HTTP_METADATA,
    customMetadata: { a: 'b' },
    storageClass: 'Standard',
  },
  'r2.deleteObject': { bucket: 'bucket', key: 'other' },
  'kv.listKeys': { namespaceId, prefix: 'p', cursor: 'c', limit: 10 },
  'kv.get': { namespaceId, key: 'k', path: 'file' },
  'kv.put': {
    namespaceId,
    key: 'k',
    value: 'v',
    valueEncoding: 'utf8',
    expirationTtl: 60,
    metadata: { a: 1 },
  },
  'kv.delete': { namespaceId, key: 'other' },
  'project.create': { name: 'made', path: '.' },
};

/** No path of it leads out of the folder: the test writes nowhere else. */
const text = fc
  .oneof(
    fc.constantFrom(
      '',
      'k',
      '\0',
      'a\0b',
      '\r\nb: c',
      '\ud800',
      'ü\u{1f600}',
      'x'.repeat(600),
      'x'.repeat(5000),
      '__proto__',
    ),
    fc.constantFrom('日本', '\x7f', ' a ', '{}', '1', 'null', namespaceId, 'w', 'bucket', 'text/plain', '\n'),
    fc.string({ unit: 'binary', maxLength: 30 }),
  )
  .filter((one) => !one.includes('/') && !one.includes('..'));
const value = fc.oneof(
  { weight: 6, arbitrary: text },
  fc.constantFrom<unknown>(null, true, false, 0, -1, 1.5, 60, 1e308, 2 ** 53, [], {}),
  fc.dictionary(text, text, { maxKeys: 2 }),
  fc.array(text, { maxLength: 2 }),
);

test('any call is carried out, or ends with an error that its contract lists', async () => {
  const call = sidecar.call.bind(sidecar) as (method: string, params: unknown) => Promise<unknown>;
  const names = (Object.keys(VALID) as CallableMethod[]).filter((name) => name !== 'system.shutdown');
  const calls = fc
    .constantFrom(...names)
    .chain((method) => fc.tuple(fc.constant(method), changed(VALID[method], value)));
  const answered = fc.asyncProperty(calls, async ([method, params]) => {
    const result = await call(method, params).catch((error: unknown) => assertListed(method, error));
    if (method === 'dashboard.tailLogs' && result) await call('dashboard.stopTail', result);
    assert.deepEqual(faults, []);
  });
  await fc.assert(answered, { seed, numRuns: 400 * runs, includeErrorInReport: true });
});
