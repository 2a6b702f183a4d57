import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  CancellationTokenSource,
  createMessageConnection,
  type MessageConnection,
  ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-jsonrpc/node';
import { methods } from '../../src/protocol/index.js';
import { CLI, initializeParams, root, within } from '../support/wire-cli.js';

// The client is vscode-jsonrpc as any editor would write it; nothing of this package's own is on its side.
let folder: string;
let child: ChildProcessWithoutNullStreams;
let connection: MessageConnection;
let exit: Promise<number | null>;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stock-'));
  child = spawn(process.execPath, [...CLI, 'ipc', '--account', 'local', '--state-dir', join(folder, 's')], {
    cwd: root,
  });
  exit = new Promise((resolve) => child.once('close', (code) => resolve(code)));
  connection = createMessageConnection(
    new StreamMessageReader(child.stdout),
    new StreamMessageWriter(child.stdin),
  );
  connection.listen();
});

after(async () => {
  connection.dispose();
  if (child.exitCode === null) child.kill('SIGKILL');
  await exit;
  await rm(folder, { recursive: true, force: true });
});

const hasWorkerd = (() => {
  try {
    createRequire(import.meta.url).resolve('workerd');
    return process.platform !== 'win32';
  } catch {
    return false;
  }
})();

test('initialize and initialized open the session', async () => {
  const result = await connection.sendRequest<Record<string, unknown>>('initialize', initializeParams);
  assert.equal(result.protocolVersion, 1);
  await connection.sendNotification('initialized', {});
});

test('calls with and without params are answered', async () => {
  assert.equal((await connection.sendRequest<{ pong: boolean }>('system.ping')).pong, true);
  const { payload } = await connection.sendRequest<{ payload: unknown }>('system.ping', { payload: ['é'] });
  assert.deepEqual(payload, ['é']);
  const version = await connection.sendRequest<{ node: string }>('system.version');
  assert.equal(version.node, process.versions.node);
  const { methods: found } = await connection.sendRequest<{ methods: { name: string }[] }>('rpc.discover');
  assert.deepEqual(found.map(({ name }) => name).sort(), Object.keys(methods).sort());
});

test('errors arrive as ResponseError with code and data', async () => {
  const failed = connection.sendRequest('dashboard.createR2Bucket', { name: 'NOT A NAME' });
  await assert.rejects(failed, (error) => {
    assert.ok(error instanceof ResponseError);
    assert.equal(error.code, -32602);
    assert.equal(error.data.issues[0].path, 'name');
    return true;
  });
  await assert.rejects(connection.sendRequest('no.such.method'), { code: -32601 });
  assert.ok(await connection.sendRequest('system.ping'));
});

test('a thousand calls at once are answered each with its own', async () => {
  const calls = Array.from({ length: 1000 }, (_, payload) =>
    connection.sendRequest<{ payload: number }>('system.ping', { payload }),
  );
  const answers = await Promise.all(calls);
  answers.forEach(({ payload }, at) => {
    assert.equal(payload, at);
  });
});

test('a Worker is deployed, tailed without credit, and its tail ends when stopped', {
  skip: !hasWorkerd,
}, async () => {
  const script = `export default { async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === '/slow') await new Promise((resolve) => setTimeout(resolve, 600_000));
    console.log('seen', pathname);
    return new Response('hello');
  } }`;
  await connection.sendRequest('dashboard.deployWorker', { name: 'stock', script });
  const batches: { tailId: string; dropped: number; events: { logs: { message: unknown[] }[] }[] }[] = [];
  let onBatch = () => {};
  const onFirst = new Promise<void>((resolve) => {
    onBatch = resolve;
  });
  connection.onNotification('tail/batch', (batch) => {
    batches.push(batch);
    onBatch();
  });
  const ended = new Promise<{ tailId: string; reason: string }>((resolve) => {
    connection.onNotification('tail/end', resolve);
  });
  const { tailId } = await connection.sendRequest<{ tailId: string }>('dashboard.tailLogs', {
    workerName: 'stock',
  });
  const answer = await connection.sendRequest<{ status: number; body: string }>('dashboard.invokeWorker', {
    name: 'stock',
    url: '/tailed',
  });
  assert.deepEqual([answer.status, answer.body], [200, 'hello']);
  await within('batch', onFirst);
  assert.equal(batches[0]?.tailId, tailId);
  assert.deepEqual(batches[0]?.events[0]?.logs[0]?.message, ['seen', '/tailed']);
  await connection.sendRequest('dashboard.stopTail', { tailId });
  const { reason, tailId: endedId } = await within('end', ended);
  assert.deepEqual([reason, endedId], ['stopped', tailId]);
});

test('$/cancelRequest ends a call with -32800, and the next call works', { skip: !hasWorkerd }, async () => {
  const cancellation = new CancellationTokenSource();
  const slow = connection.sendRequest(
    'dashboard.invokeWorker',
    { name: 'stock', url: '/slow' },
    cancellation.token,
  );
  await connection.sendRequest('system.ping');
  cancellation.cancel();
  await assert.rejects(within('the cancellation', slow), { code: -32800 });
  assert.ok(await connection.sendRequest('system.ping'));
});

test('shutdown is answered, and the server ends with code 0', async () => {
  assert.deepEqual(await connection.sendRequest('system.shutdown'), { success: true });
  assert.equal(await within('exit', exit), 0);
});
