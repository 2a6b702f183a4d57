import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Api } from '../../../src/cloudflare/client.js';
import { getValue, listKeys, listKvNamespaces, putValue } from '../../../src/cloudflare/kv.js';
import { listWorkers } from '../../../src/cloudflare/workers.js';
import { collect, localAccount, never, temporaryFolder, until } from './fixture.js';

async function startOwner(t: TestContext, stateDir: string) {
  const script = fileURLToPath(new URL('./sharing-process.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, stateDir]);
  child.stderr.pipe(process.stderr);
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { namespace } = JSON.parse((await lines.next()).value as string) as { namespace: string };
  return { child, lines, namespace };
}

async function hasBegun(api: Api, namespace: string): Promise<boolean> {
  const { items } = await listKeys(api, namespace, {}, never());
  return items.some(({ name }) => name === 'begun');
}

test('a second process works through the owner, and goes on alone when the owner is killed', async (t) => {
  const stateDir = await temporaryFolder(t);
  const { child, namespace } = await startOwner(t, stateDir);
  const { account, api } = await localAccount(t, { stateDir });
  const invoke = async (path: string) =>
    (await account.invoke('shared', new Request(`http://w${path}`))).text();

  assert.deepEqual(
    (await listWorkers(api, never())).map(({ name }) => name),
    ['shared'],
  );
  assert.equal(await invoke('/one'), 'from the owner');
  const sink = collect();
  const tail = await account.openTail({ workerName: 'shared' }, sink, never());
  await invoke('/two');
  await until(() => sink.events.length === 1, 'the event over the socket');
  assert.deepEqual(sink.events[0]?.logs[0]?.message, ['seen', '/two']);
  const big = new Blob([new Uint8Array(3_000_000).fill(7)]);
  await putValue(api, namespace, 'big', big, { metadata: { by: 'sharer' } }, never());

  const hanging = account.invoke('shared', new Request('http://w/hang'));
  // Before that it would be carried out by the next owner.
  await until(() => hasBegun(api, namespace), 'the request at the owner');
  const hung = assert.rejects(hanging, { code: 'indeterminate' });
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  await hung;

  // Reads and writes go on at once, and nothing that was acknowledged is lost.
  assert.deepEqual(
    (await listKvNamespaces(api, never())).map(({ id }) => id),
    [namespace],
  );
  const { body } = await getValue(api, namespace, 'big', never());
  assert.equal((await body.arrayBuffer()).byteLength, 3_000_000);
  // The tail is opened again by itself; until then events are lost.
  const seenAgain = () => sink.events.some(({ logs }) => String(logs[0]?.message).includes('/again'));
  await until(async () => {
    assert.equal(await invoke('/again'), 'from the owner');
    return seenAgain();
  }, 'the tail again');
  assert.equal(sink.gaps, 1);
  await tail.close();
  await tail.close();
  assert.deepEqual(sink.ended, []);
});

test('an owner that closes while it is shared hands over without an error', async (t) => {
  const stateDir = await temporaryFolder(t);
  const { child, lines, namespace } = await startOwner(t, stateDir);
  const { account, api } = await localAccount(t, { stateDir });
  assert.equal((await listWorkers(api, never())).length, 1);
  const sink = collect();
  const tail = await account.openTail({ workerName: 'shared' }, sink, never());
  child.stdin.end();
  const values = await Promise.all(
    Array.from({ length: 5 }, async () => (await getValue(api, namespace, 'key', never())).body.text()),
  );
  assert.deepEqual(new Set(values), new Set(['from the owner']));
  assert.equal((await lines.next()).value, 'closed');
  // The tail of the owner has ended with it; this one goes on at the new owner, which is this process.
  await until(() => sink.gaps === 1, 'the gap');
  assert.equal(await (await account.invoke('shared', new Request('http://w/'))).text(), 'from the owner');
  await until(() => sink.events.length === 1, 'an event behind the gap');
  assert.deepEqual(sink.ended, []);
  await account.close();
  await until(() => sink.ended.length === 1, 'the end');
  assert.deepEqual(sink.ended, [['account-closed']]);
  await tail.close();
});
