import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CallableMethod, ErrorCode, Params, Result } from '../../src/protocol/index.js';

/** What the cases of one run share: folders of the test's own, and what earlier cases made. */
export interface CaseWorld {
  /** An empty folder. */
  readonly folder: string;
  namespaceId: string;
  tailId: string;
}

/** One method, called once validly and once for each refusal that its own errors name and an input can cause. */
export interface MethodCase<M extends CallableMethod> {
  valid(world: CaseWorld): Params<M>;
  check(result: Result<M>, world: CaseWorld): void;
  /** Params that fit the schema and are refused all the same, with what code. */
  refused?(world: CaseWorld): readonly (readonly [ErrorCode, Params<M>])[];
}

const NOBODY = 'nobody';
const NO_NAMESPACE = 'e'.repeat(32);
const WORKER = `export default {
  async fetch(request, env) {
    console.log('asked');
    return new Response(await request.text(), { headers: { 'x-made': env.MADE } });
  },
};`;

/**
 * Every method that a user calls, in an order in which each finds what it needs. A method without a case does not
 * compile. `initialize` is what every session begins with.
 */
export const METHOD_CASES: { readonly [M in CallableMethod]: MethodCase<M> } = {
  'system.ping': {
    valid: () => ({ payload: { deep: [1, 'ü', null] } }),
    check: ({ payload }) => assert.deepEqual(payload, { deep: [1, 'ü', null] }),
  },
  'system.version': { valid: () => ({}), check: ({ node }) => assert.equal(node, process.versions.node) },
  'rpc.discover': { valid: () => ({}), check: ({ methods }) => assert.ok(methods.length > 20) },
  'project.create': {
    valid: ({ folder }) => ({ name: 'made', path: folder, git: true }),
    check: ({ projectPath, files }, { folder }) => {
      assert.equal(projectPath, join(folder, 'made'));
      for (const file of files) assert.ok(existsSync(join(projectPath, file)), file);
      assert.ok(existsSync(join(projectPath, '.git')) && files.length > 5);
    },
    refused: ({ folder }) => [
      ['already-exists', { name: 'made', path: folder }],
      ['file-error', { name: 'made', path: join(folder, 'nowhere') }],
    ],
  },
  'dashboard.createKvNamespace': {
    valid: () => ({ title: 'a title' }),
    check: ({ namespace }, world) => {
      assert.equal(namespace.title, 'a title');
      world.namespaceId = namespace.id;
    },
    refused: () => [['already-exists', { title: 'a title' }]],
  },
  'dashboard.listKvNamespaces': {
    valid: () => ({}),
    check: (found, { namespaceId }) => assert.deepEqual(idsOf(found), [namespaceId]),
  },
  'kv.put': {
    valid: ({ namespaceId }) => ({
      namespaceId,
      key: 'k',
      value: 'dg==',
      valueEncoding: 'base64',
      metadata: 1,
    }),
    check: ({ success }) => assert.equal(success, true),
    refused: ({ namespaceId, folder }) => [
      ['not-found', { namespaceId: NO_NAMESPACE, key: 'k', value: '' }],
      ['limit-exceeded', { namespaceId, key: 'k', value: '', metadata: 'm'.repeat(1025) }],
      ['file-error', { namespaceId, key: 'k', path: join(folder, 'nowhere') }],
      ['invalid-params', { namespaceId, key: 'k', value: 'no base64', valueEncoding: 'base64' }],
      ['invalid-params', { namespaceId, key: 'k', value: '', path: folder }],
    ],
  },
  'kv.get': {
    valid: ({ namespaceId }) => ({ namespaceId, key: 'k' }),
    check: (found) => assert.deepEqual(found, { key: 'k', value: 'v', metadata: 1 }),
    refused: ({ namespaceId, folder }) => [
      ['not-found', { namespaceId, key: 'nothing' }],
      ['not-found', { namespaceId: NO_NAMESPACE, key: 'k' }],
      ['file-error', { namespaceId, key: 'k', path: join(folder, 'nowhere', 'file') }],
    ],
  },
  'kv.listKeys': {
    valid: ({ namespaceId }) => ({ namespaceId, prefix: 'k', limit: 10 }),
    check: ({ items }) => assert.deepEqual(items, [{ name: 'k', metadata: 1 }]),
    refused: () => [['not-found', { namespaceId: NO_NAMESPACE }]],
  },
  'kv.delete': {
    valid: ({ namespaceId }) => ({ namespaceId, key: 'k' }),
    check: ({ success }) => assert.equal(success, true),
    refused: () => [['not-found', { namespaceId: NO_NAMESPACE, key: 'k' }]],
  },
  'dashboard.createR2Bucket': {
    valid: () => ({ name: 'bucket', storageClass: 'Standard' }),
    check: ({ bucket }) => assert.equal(bucket.name, 'bucket'),
    refused: () => [['already-exists', { name: 'bucket' }]],
  },
  'dashboard.listR2Buckets': {
    valid: () => ({}),
    check: (found) => assert.deepEqual(namesOf(found), ['bucket']),
  },
  'r2.putObject': {
    valid: () => ({ bucket: 'bucket', key: 'a/b', body: 'text', customMetadata: { by: 'test' } }),
    check: ({ object }) => assert.equal(object.size, 4),
    refused: ({ folder }) => [
      ['not-found', { bucket: NOBODY, key: 'k', body: '' }],
      ['file-error', { bucket: 'bucket', key: 'k', path: join(folder, 'nowhere') }],
      ['invalid-params', { bucket: 'bucket', key: 'k', body: '', path: folder }],
      ['invalid-params', { bucket: 'bucket', key: 'k', body: '', httpMetadata: { cacheExpiry: 'soon' } }],
    ],
  },
  'r2.getObject': {
    valid: ({ folder }) => ({ bucket: 'bucket', key: 'a/b', path: join(folder, 'file') }),
    check: ({ path, size, customMetadata }, { folder }) =>
      assert.deepEqual([path, size, customMetadata], [join(folder, 'file'), 4, { by: 'test' }]),
    refused: ({ folder }) => [
      ['not-found', { bucket: 'bucket', key: 'nothing' }],
      ['not-found', { bucket: NOBODY, key: 'k' }],
      ['file-error', { bucket: 'bucket', key: 'a/b', path: join(folder, 'nowhere', 'file') }],
    ],
  },
  'r2.listObjects': {
    valid: () => ({ bucket: 'bucket', delimiter: '/' }),
    check: ({ items, prefixes }) => assert.deepEqual([items, prefixes], [[], ['a/']]),
    refused: () => [['not-found', { bucket: NOBODY }]],
  },
  'r2.deleteObject': {
    valid: () => ({ bucket: 'bucket', key: 'gone' }),
    check: ({ success }) => assert.equal(success, true),
    refused: () => [['not-found', { bucket: NOBODY, key: 'k' }]],
  },
  'dashboard.deployWorker': {
    valid: () => ({
      name: 'made',
      script: WORKER,
      vars: { MADE: 'here' },
      bindings: [{ type: 'r2_bucket', name: 'EMPTY' }],
      message: 'first',
    }),
    check: ({ name, dryRun, size }) => assert.deepEqual([name, dryRun, size], ['made', false, WORKER.length]),
    refused: ({ folder }) => [
      ['config-not-found', { cwd: folder }],
      ['file-error', { name: 'made', entry: join(folder, 'nowhere.ts') }],
      ['script-invalid', { name: 'made', script: 'export default {' }],
      ['invalid-params', { script: WORKER }],
    ],
  },
  'dashboard.listWorkers': {
    valid: () => ({}),
    check: (found) => assert.deepEqual(namesOf(found), ['made']),
  },
  'dashboard.tailLogs': {
    valid: () => ({ workerName: 'made', status: ['ok'] }),
    check: ({ tailId }, world) => {
      world.tailId = tailId;
    },
    refused: () => [['not-found', { workerName: NOBODY }]],
  },
  'dashboard.invokeWorker': {
    valid: () => ({ name: 'made', url: '/a?b', method: 'POST', headers: { a: 'b' }, body: 'echo' }),
    check: ({ status, body, headers }) =>
      assert.deepEqual([status, body, headers['x-made']], [200, 'echo', 'here']),
    refused: () => [
      ['not-found', { name: NOBODY }],
      ['invalid-params', { name: 'made', headers: { 'no header': 'x' } }],
      ['invalid-params', { name: 'made', url: 'http://[' }],
      ['invalid-params', { name: 'made', method: 'GET', body: 'x' }],
      ['invalid-params', { name: 'made', method: 'CONNECT' }],
    ],
  },
  'dashboard.stopTail': {
    valid: ({ tailId }) => ({ tailId }),
    check: ({ success }) => assert.equal(success, true),
    refused: ({ tailId }) => [['not-found', { tailId }]],
  },
  'dashboard.getData': {
    valid: () => ({}),
    check: ({ workers, r2Buckets, kvNamespaces, errors }) =>
      assert.deepEqual(
        [namesOf(workers), namesOf(r2Buckets), kvNamespaces.length, errors],
        [['made'], ['bucket', 'made-empty'], 1, []],
      ),
  },
  'dashboard.deleteWorker': {
    valid: () => ({ name: 'made' }),
    check: ({ success }) => assert.equal(success, true),
    refused: () => [['not-found', { name: 'made' }]],
  },
  'dashboard.deleteR2Bucket': {
    valid: () => ({ name: 'made-empty' }),
    check: ({ success }) => assert.equal(success, true),
    refused: () => [
      ['not-found', { name: NOBODY }],
      ['not-empty', { name: 'bucket' }],
    ],
  },
  'dashboard.deleteKvNamespace': {
    valid: ({ namespaceId }) => ({ id: namespaceId }),
    check: ({ success }) => assert.equal(success, true),
    refused: ({ namespaceId }) => [['not-found', { id: namespaceId }]],
  },
  'system.shutdown': { valid: () => ({}), check: ({ success }) => assert.equal(success, true) },
};

function idsOf(found: readonly { id: string }[]): string[] {
  return found.map(({ id }) => id);
}

function namesOf(found: readonly { name: string }[]): string[] {
  return found.map(({ name }) => name);
}
