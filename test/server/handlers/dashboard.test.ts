import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Account } from '../../../src/accounts/account.js';
import { createCloudflareClient } from '../../../src/cloudflare/client.js';
import { parseResult, SidecarError } from '../../../src/protocol/index.js';
import { createHandlers } from '../../../src/server/handlers/index.js';
import { createServices } from '../../../src/server/services.js';
import { callContext } from '../../support/call-context.js';
import { heldToContract } from '../../support/listed-errors.js';

const ok = (result: unknown) => Response.json({ success: true, errors: [], messages: [], result });
const denied = () =>
  Response.json(
    { success: false, errors: [{ code: 10000, message: 'Authentication error' }] },
    { status: 403 },
  );

function handlersOn(answer: (path: string) => Response) {
  const client = createCloudflareClient({
    apiToken: 't',
    maxRetries: 0,
    fetch: async (url) => answer(new URL(String(url)).pathname),
  });
  const unused = () => Promise.reject(new SidecarError('unsupported', 'not part of this test'));
  const account: Account = {
    info: { kind: 'cloud', id: 'a'.repeat(32), name: 'fake' },
    client: async () => client,
    invoke: unused,
    openTail: unused,
    close: async () => {},
  };
  return heldToContract(
    createHandlers(createServices({ openAccount: async () => account, cwd: '/', log: () => {} })),
  );
}

const invocations = { sum: { requests: 5, errors: 1, subrequests: 2 }, dimensions: { scriptName: 'one' } };

test('a product that fails is an entry in errors, and the others are there', async () => {
  const handlers = handlersOn((path) => {
    if (path.endsWith('/r2/buckets')) return denied();
    if (path.endsWith('/deployments')) {
      const deployment = {
        id: 'd1',
        source: 'wrangler',
        created_on: '2026-01-01',
        versions: [{ version_id: 'v', percentage: 100 }],
      };
      return ok({ deployments: [deployment] });
    }
    if (path.endsWith('/workers/scripts')) return ok([{ id: 'one', modified_on: '2026-01-01' }]);
    if (path.endsWith('/graphql'))
      return Response.json({
        data: { viewer: { accounts: [{ workersInvocationsAdaptive: [invocations] }] } },
        errors: null,
      });
    if (path.endsWith('/storage/kv/namespaces')) return ok([{ id: 'f'.repeat(32), title: 't' }]);
    return ok([]);
  });
  const data = parseResult('dashboard.getData', await handlers['dashboard.getData']({}, callContext()));
  assert.equal(data.account.name, 'fake');
  assert.deepEqual(
    data.workers.map(({ name }) => name),
    ['one'],
  );
  assert.deepEqual(data.r2Buckets, []);
  assert.equal(data.kvNamespaces[0]?.title, 't');
  assert.deepEqual(data.deployments[0]?.versions, [{ versionId: 'v', percentage: 100 }]);
  assert.deepEqual(data.analytics?.workers, [{ name: 'one', requests: 5, errors: 1, subrequests: 2 }]);
  assert.deepEqual(
    data.errors.map(({ product, code }) => [product, code]),
    [['r2', 'permission-denied']],
  );
});

test('when everything fails, every product says so', async () => {
  const handlers = handlersOn(denied);
  const data = await handlers['dashboard.getData']({}, callContext());
  assert.deepEqual(data.errors.map(({ product }) => product).sort(), [
    'analytics',
    'deployments',
    'durableObjects',
    'kv',
    'r2',
    'workers',
  ]);
});

test('a cancelled getData is cancelled, not empty', async () => {
  const handlers = handlersOn(denied);
  const signal = AbortSignal.abort();
  await assert.rejects(async () => handlers['dashboard.getData']({}, callContext(signal)), {
    code: 'cancelled',
  });
});
