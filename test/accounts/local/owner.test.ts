// How an owner of a state directory and the processes that work through it part, and how versions meet.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OwnerLink } from '../../../src/accounts/local/owner-link.js';
import type { LocalRuntime } from '../../../src/accounts/local/runtime.js';
import { SharedApi } from '../../../src/accounts/local/shared-api.js';
import { fetchOverSocket } from '../../../src/accounts/local/socket-fetch.js';
import { until } from '../../support/until.js';
import { noRuntime, temporaryFolder } from './fixture.js';

const API = 'http://local/client/v4/accounts/x/storage/kv/namespaces';
const create = (title: string) => () => new Request(API, { method: 'POST', body: JSON.stringify({ title }) });
const list = () => new Request(API);
const open = (stateDir: string, createRuntime: () => Promise<LocalRuntime> = noRuntime) =>
  new SharedApi({ stateDir, log: () => {}, createRuntime });

async function namespace(api: SharedApi): Promise<string> {
  const { result } = (await (await api.send(create('kv'), false)).json()) as { result: { id: string } };
  return result.id;
}

const put = (id: string, key: string) => () =>
  new Request(`${API}/${id}/values/${key}`, { method: 'PUT', body: 'value' });

async function listen(t: TestContext, path: string, listener: RequestListener): Promise<string[]> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    listener(request, response);
  });
  server.listen(path);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return seen;
}

test('an owner that closes answers what it has begun, and begins nothing more', async (t) => {
  const stateDir = await temporaryFolder(t);
  const written: string[] = [];
  let letWrite = () => {};
  const mayWrite = new Promise<void>((resolve) => {
    letWrite = resolve;
  });
  const storing = (by: string, gate: Promise<void>) => async () => {
    const put = async (_: string, key: string) => {
      written.push(`${by} ${key}`);
      await gate;
    };
    return { kv: { put }, pids: [], close: async () => {} } as unknown as LocalRuntime;
  };
  const owner = open(stateDir, storing('owner', mayWrite));
  const sharer = open(stateDir, storing('next', Promise.resolve()));
  const id = await namespace(owner);
  const begun = ['a', 'b', 'c'].map((key) => sharer.send(put(id, key), false));
  await until('the writes at the owner', () => written.length === 3);
  const closed = owner.close();
  const late = ['d', 'e'].map((key) => sharer.send(put(id, key), false));
  letWrite();
  for (const answer of await Promise.all([...begun, ...late])) assert.equal(answer.status, 200);
  await closed;
  assert.deepEqual(written.sort(), ['next d', 'next e', 'owner a', 'owner b', 'owner c']);
  assert.equal(await sharer.isOwner(), true);
  await sharer.close();
});

test('what an owner cuts off before it has begun is sent to the next one; what it has begun only when that is safe', async (t) => {
  const folder = await temporaryFolder(t);
  const socketPath = join(folder, 's');
  let begins = false;
  await listen(t, socketPath, (request, response) => {
    if (begins) response.writeProcessing();
    request.socket.end();
  });
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const record = { protocol: 2, pid: process.pid, startedAt: '', socketName: 's' };
  const link = new OwnerLink(folder, { record, socketPath }, agent, 60_000);
  for (const repeatable of [true, false]) {
    assert.equal(await link.ask(create('x')(), repeatable), undefined);
  }
  begins = true;
  assert.equal(await link.ask(create('x')(), true), undefined);
  await assert.rejects(link.ask(create('x')(), false), { code: 'indeterminate' });
});

test('an owner of another version is sent nothing and not taken over; when it has gone, its directory is', async (t) => {
  for (const protocol of [undefined, 1, 3, 1_000_000]) {
    const stateDir = await temporaryFolder(t);
    for (const name of ['lock', 'run']) mkdirSync(join(stateDir, name), { mode: 0o700 });
    const socketPath = join(stateDir, 'run', 's-0123456789abcdef');
    // It is at another place when the directory was moved; only the name counts.
    const record = { socketPath: '/elsewhere/run/s-0123456789abcdef', pid: 4711, startedAt: '', protocol };
    const lock = join(stateDir, 'lock', 'owner.3');
    writeFileSync(lock, JSON.stringify(record));
    const server = createServer().listen(socketPath);
    await once(server, 'listening');
    const seen: unknown[] = [];
    server.on('request', (request) => seen.push(request));
    const api = open(stateDir);
    await assert.rejects(api.send(create('x'), false), (error: { code: string; message: string }) => {
      assert.equal(error.code, 'state-locked');
      assert.match(error.message, /4711.*another version/);
      return true;
    });
    assert.deepEqual(seen, []);
    assert.deepEqual(readdirSync(join(stateDir, 'lock')), ['owner.3']);
    assert.ok(existsSync(socketPath));
    server.close();
    await once(server, 'close');
    assert.equal((await api.send(create('x'), false)).status, 200);
    assert.equal(await api.isOwner(), true);
    await api.close();
  }
});

test('to the version before, an owner is alive and refuses every request in words', async (t) => {
  const stateDir = await temporaryFolder(t);
  const api = open(stateDir);
  await api.send(create('x'), false);
  const [lock = ''] = readdirSync(join(stateDir, 'lock'));
  // What that version reads of a record, and how it asks.
  const record = JSON.parse(readFileSync(join(stateDir, 'lock', lock), 'utf8'));
  assert.equal(record.pid, process.pid);
  const ping = await fetchOverSocket(record.socketPath, new Request('http://local/local/ping'));
  assert.equal(ping.status, 200);
  assert.equal(ping.headers.get('x-fluorite-closing'), null);
  const answer = await fetchOverSocket(record.socketPath, create('y')());
  const carried = Buffer.from(answer.headers.get('x-fluorite-error') ?? '', 'base64url').toString();
  assert.match(carried, /state-locked.*another version|another version.*state-locked/);
  const { result } = (await (await api.send(list, true)).json()) as { result: { title: string }[] };
  assert.deepEqual(
    result.map(({ title }) => title),
    ['x'],
  );
  await api.close();
});

test('a request that was meant for another owner is not carried out', async (t) => {
  const stateDir = await temporaryFolder(t);
  const api = open(stateDir);
  await api.send(create('x'), false);
  const [lock = ''] = readdirSync(join(stateDir, 'lock'));
  const { socketPath } = JSON.parse(readFileSync(join(stateDir, 'lock', lock), 'utf8'));
  const request = new Request(create('y')(), { headers: { 'x-fluorite-owner': '0'.repeat(32) } });
  const answer = await fetchOverSocket(socketPath, request);
  assert.deepEqual([answer.status, answer.headers.get('x-fluorite-closing')], [503, '1']);
  const { result } = (await (await api.send(list, true)).json()) as { result: object[] };
  assert.equal(result.length, 1);
  await api.close();
});
