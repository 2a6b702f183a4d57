import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveOptions } from '../../../bridge/options.js';
import { parseIpcArguments } from '../../../src/commands/ipc.js';
import { methods } from '../../../src/protocol/index.js';
import { createHandlers } from '../../../src/server/handlers/index.js';
import { createServices } from '../../../src/server/services.js';
import { callContext } from '../../support/call-context.js';

const noAccount = () => Promise.reject(new Error('the account was opened'));

test('read-only, every method that changes something is refused before the account is opened', () => {
  const handlers = createHandlers(
    createServices({ openAccount: noAccount, cwd: '/', readOnly: true, log: () => {} }),
  );
  for (const [name, handler] of Object.entries(handlers)) {
    if (methods[name as keyof typeof methods].effect === 'read') continue;
    const call = handler as (params: unknown, context: unknown) => unknown;
    assert.throws(() => call({ dryRun: false }, callContext()), { code: 'read-only' }, name);
  }
});

test('read-only, what only reads is not refused, nor a dry run', async () => {
  const handlers = createHandlers(
    createServices({ openAccount: noAccount, cwd: '/', readOnly: true, log: () => {} }),
  );
  assert.equal((await handlers['system.ping']({}, callContext())).pong, true);
  await assert.rejects(
    async () => handlers['dashboard.listWorkers']({}, callContext()),
    /the account was opened/,
  );
  const deploy = { name: 'w', script: 'export default {}', dryRun: true };
  assert.equal((await handlers['dashboard.deployWorker'](deploy, callContext())).dryRun, true);
});

test('every method says whether it changes something', () => {
  const writes = Object.entries(methods).filter(([, { effect }]) => effect === 'write');
  assert.deepEqual(writes.map(([name]) => name).sort(), [
    'dashboard.createKvNamespace',
    'dashboard.createR2Bucket',
    'dashboard.deleteKvNamespace',
    'dashboard.deleteR2Bucket',
    'dashboard.deleteWorker',
    'dashboard.deployWorker',
    'dashboard.invokeWorker',
    'kv.delete',
    'kv.put',
    'project.create',
    'r2.deleteObject',
    'r2.putObject',
  ]);
});

test('the switch is an argument of ipc and an option of the library, off by default', () => {
  assert.equal(parseIpcArguments([]).readOnly, false);
  assert.equal(parseIpcArguments(['--read-only']).readOnly, true);
  assert.equal(resolveOptions({}).readOnly, false);
});
