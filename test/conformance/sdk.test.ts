// The official SDK, whole and as it is published, against the local account: every call of its resources for Workers'
// scripts, R2 and KV that the local account offers, and the answer to those it does not.
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { after, test } from 'node:test';
import Cloudflare, { APIError, toFile } from 'cloudflare';
import type { ScriptAndVersionSettingEditResponse } from 'cloudflare/resources/workers/scripts/script-and-version-settings';
import { WebSocket } from 'ws';
import { openLocalAccount } from '../../src/accounts/local/account.js';
import { serveLocalApi } from '../../src/accounts/local/api-server.js';
import { fetchOverSocket } from '../../src/accounts/local/socket-fetch.js';
import { temporaryFolder, until } from '../accounts/local/fixture.js';

const folder = await temporaryFolder({ after });
const socketPath = join(folder, 'api.sock');
const stateDir = join(folder, 'state');
const server = await serveLocalApi({ stateDir, listen: { socketPath }, log: () => {} });
const account = openLocalAccount({ stateDir, log: () => {} });
const agent = new Agent({ keepAlive: true });
after(async () => {
  agent.destroy();
  await account.close();
  await server.close();
});
const client = new Cloudflare({
  apiToken: 'local',
  baseURL: server.baseUrl,
  maxRetries: 0,
  fetch: (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    if (url.startsWith('data:')) return fetch(url, init);
    return fetchOverSocket(socketPath, new Request(input, init), { agent });
  },
});
const on = { account_id: server.accountId };
const { scripts } = client.workers;

const refused = (status: number, message: RegExp) => (error: unknown) =>
  error instanceof APIError &&
  error.status === status &&
  error.errors.some((one) => Number(one.code) > 0 && message.test(one.message ?? ''));
const code = (text: string) =>
  `export default { fetch: (_, env) => new Response('${text}' + (env.TOKEN ?? '')) };`;
const served = async () => (await account.invoke('sdk', new Request('http://worker/'))).text();

/** Not `scripts.update()` and its like, whose forms lose their boundary or part names. */
function upload(method: 'put' | 'post', path: string, text: string, metadata: object = {}) {
  const form = new FormData();
  const main = { main_module: 'index.js', compatibility_date: '2026-01-01', ...metadata };
  form.set('metadata', new Blob([JSON.stringify(main)], { type: 'application/json' }));
  form.set('index.js', new File([code(text)], 'index.js', { type: 'application/javascript+module' }));
  return client[method]<{ result: { id: string } }>(`/accounts/${on.account_id}/workers/scripts/sdk${path}`, {
    body: form,
  });
}

async function all<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of pages) items.push(item);
  return items;
}

test('scripts: upload, list, get, content', async () => {
  await upload('put', '', 'one');
  const [script, ...rest] = await all(scripts.list(on));
  assert.equal(script?.id, 'sdk');
  assert.deepEqual(rest, []);
  assert.equal(await scripts.get('sdk', on), code('one'));
  assert.equal(await (await scripts.content.get('sdk', on)).text(), code('one'));
  await upload('put', '/content', 'two');
  assert.equal(await (await scripts.content.get('sdk', on)).text(), code('two'));
  assert.equal(await served(), 'two');
});

test('scripts: settings', async () => {
  const settings = await scripts.settings.edit('sdk', { ...on, logpush: true, tags: ['a', 'b'] });
  assert.deepEqual([settings.logpush, settings.tags], [true, ['a', 'b']]);
  assert.deepEqual(await scripts.settings.get('sdk', on), settings);
  const both = await scripts.scriptAndVersionSettings.get('sdk', on);
  assert.equal(both.compatibility_date, '2026-01-01');
  assert.deepEqual(both.tags, ['a', 'b']);
  // Not `scriptAndVersionSettings.edit()`, which sends the settings as form fields and not as JSON.
  const form = new FormData();
  const bindings = [{ type: 'plain_text', name: 'TOKEN', text: '!' }];
  form.set('settings', JSON.stringify({ compatibility_date: '2026-02-01', bindings }));
  const path = `/accounts/${on.account_id}/workers/scripts/sdk/settings`;
  const { result: edited } = await client.patch<{ result: ScriptAndVersionSettingEditResponse }>(path, {
    body: form,
  });
  assert.equal(edited.compatibility_date, '2026-02-01');
  assert.deepEqual(edited.bindings, bindings);
  assert.equal(await served(), 'two!');
});

test('scripts: secrets', async () => {
  await scripts.secrets.update('sdk', { ...on, name: 'TOKEN', text: 'secret', type: 'secret_text' });
  assert.equal(await served(), 'twosecret');
  assert.deepEqual(await all(scripts.secrets.list('sdk', on)), [{ name: 'TOKEN', type: 'secret_text' }]);
  const about = { ...on, script_name: 'sdk' };
  assert.deepEqual(await scripts.secrets.get('TOKEN', about), { name: 'TOKEN', type: 'secret_text' });
  const written = await scripts.secrets.bulkUpdate('sdk', {
    ...on,
    secrets: { MORE: { name: 'MORE', text: 'm', type: 'secret_text' }, TOKEN: null },
  });
  assert.deepEqual(written, { MORE: { name: 'MORE', type: 'secret_text' } });
  await scripts.secrets.delete('MORE', about);
  await assert.rejects(scripts.secrets.delete('MORE', about), refused(404, /no secret MORE/));
  assert.deepEqual(await all(scripts.secrets.list('sdk', on)), []);
});

test('scripts: versions and deployments', async () => {
  const { result: uploaded } = await upload('post', '/versions', 'three');
  assert.equal(await served(), 'two');
  const about = { ...on, script_name: 'sdk' };
  const version = await scripts.versions.get(uploaded.id, about);
  assert.equal(version.id, uploaded.id);
  const { result } = await scripts.versions.list('sdk', { ...on, per_page: 2 });
  assert.equal(result.items?.length, 2);
  assert.equal(result.items?.[0]?.id, uploaded.id);
  const deployment = await scripts.deployments.create('sdk', {
    ...on,
    strategy: 'percentage',
    versions: [{ version_id: uploaded.id, percentage: 100 }],
    annotations: { 'workers/message': 'by hand' },
  });
  assert.equal(deployment.annotations?.['workers/message'], 'by hand');
  assert.equal(await served(), 'three');
  assert.deepEqual(await scripts.deployments.get(deployment.id, about), deployment);
  // Not `deployments.list()`, which looks for the items where Cloudflare does not put them.
  const list = await client.get<{ result: { deployments: { id: string }[] } }>(
    `/accounts/${on.account_id}/workers/scripts/sdk/deployments`,
  );
  const [newest, before] = list.result.deployments;
  assert.equal(newest?.id, deployment.id);
  await scripts.deployments.delete(before?.id ?? '', about);
  await assert.rejects(scripts.deployments.get(before?.id ?? '', about), refused(404, /no deployment/));
  await assert.rejects(scripts.deployments.delete(deployment.id, about), refused(400, /serves/));
});

test('scripts: tails', async () => {
  const created = await scripts.tail.create('sdk', on);
  assert.match(created.url, /^ws\+unix:/);
  assert.ok(Date.parse(created.expires_at) > Date.now());
  assert.deepEqual(await scripts.tail.get('sdk', on), created);
  const viewer = new WebSocket(created.url, 'trace-v1');
  const events: { outcome: string; scriptName: string }[] = [];
  viewer.on('message', (data) => events.push(JSON.parse(String(data))));
  const closed = new Promise((resolve) => viewer.on('close', resolve));
  try {
    await until(async () => {
      await served();
      return events.length > 0;
    }, 'an event');
    assert.deepEqual([events[0]?.outcome, events[0]?.scriptName], ['ok', 'sdk']);
    await scripts.tail.delete(created.id, { ...on, script_name: 'sdk' });
    assert.equal(await closed, 1000);
  } finally {
    viewer.terminate();
  }
  // wrangler deletes a tail whose WebSocket it has closed already.
  await scripts.tail.delete(created.id, { ...on, script_name: 'sdk' });
  await assert.rejects(
    scripts.tail.delete('0'.repeat(64), { ...on, script_name: 'sdk' }),
    refused(404, /no such tail/),
  );
  await assert.rejects(scripts.tail.create('nobody', on), refused(404, /does not exist/));
});

test('R2: buckets and objects', async () => {
  const { buckets } = client.r2;
  const made = await buckets.create({ ...on, name: 'sdk-bucket', locationHint: 'weur' });
  assert.deepEqual(await buckets.get('sdk-bucket', on), made);
  assert.deepEqual((await buckets.list(on)).buckets, [made]);
  const about = { ...on, bucket_name: 'sdk-bucket' };
  const uploaded = await buckets.objects.upload('folder/ö.txt', 'text', about);
  assert.deepEqual([uploaded.key, uploaded.size], ['folder/ö.txt', '4']);
  assert.equal(await (await buckets.objects.get('folder/ö.txt', about)).text(), 'text');
  const listed = await all(buckets.objects.list('sdk-bucket', { ...on, prefix: 'folder/' }));
  assert.deepEqual(
    listed.map(({ key, size, etag }) => [key, size, etag]),
    [['folder/ö.txt', 4, uploaded.etag]],
  );
  await assert.rejects(buckets.delete('sdk-bucket', on), refused(409, /not empty/));
  assert.deepEqual(await buckets.objects.delete('folder/ö.txt', about), { key: 'folder/ö.txt' });
  await buckets.delete('sdk-bucket', on);
  await assert.rejects(buckets.get('sdk-bucket', on), refused(404, /does not exist/));
});

test('KV: namespaces, keys, values, metadata and bulk', async () => {
  const { namespaces } = client.kv;
  const made = await namespaces.create({ ...on, title: 'sdk' });
  const renamed = await namespaces.update(made.id, { ...on, title: 'renamed' });
  assert.equal(renamed.title, 'renamed');
  assert.deepEqual(await namespaces.get(made.id, on), renamed);
  assert.deepEqual(await all(namespaces.list(on)), [renamed]);
  const about = { ...on, namespace_id: made.id };
  await namespaces.values.update('a/b', { ...about, value: 'text', metadata: JSON.stringify({ m: 1 }) });
  await namespaces.values.update('file', { ...about, value: await toFile(Buffer.from([0, 255]), 'f') });
  assert.equal(await (await namespaces.values.get('a/b', about)).text(), 'text');
  const bytes = await (await namespaces.values.get('file', about)).arrayBuffer();
  assert.deepEqual([...new Uint8Array(bytes)], [0, 255]);
  assert.deepEqual(await namespaces.metadata.get('a/b', about), { m: 1 });
  assert.deepEqual(await all(namespaces.keys.list(made.id, { ...on, prefix: 'a' })), [
    { name: 'a/b', metadata: { m: 1 } },
  ]);
  const pairs = Array.from({ length: 12 }, (_, at) => ({ key: `k${at}`, value: `v${at}` }));
  const put = await namespaces.keys.bulkUpdate(made.id, { ...on, body: pairs });
  assert.equal(put?.successful_key_count, 12);
  assert.equal((await all(namespaces.keys.list(made.id, { ...on, limit: 10 }))).length, 14);
  const read = await namespaces.keys.bulkGet(made.id, { ...on, keys: ['k1', 'k2'] });
  assert.deepEqual(read?.values, { k1: 'v1', k2: 'v2' });
  const gone = await namespaces.keys.bulkDelete(made.id, { ...on, body: pairs.map(({ key }) => key) });
  assert.equal(gone?.successful_key_count, 12);
  await namespaces.values.delete('file', about);
  assert.equal((await all(namespaces.keys.list(made.id, on))).length, 1);
  await namespaces.delete(made.id, on);
  await assert.rejects(namespaces.get(made.id, on), refused(404, /not found/));
});

test("what the local account does not offer is answered with an error of Cloudflare's form", async () => {
  const { buckets } = client.r2;
  const noRoute = refused(404, /does not offer/);
  await assert.rejects(scripts.search({ ...on }), noRoute);
  await assert.rejects(scripts.assets.upload.create('sdk', { ...on, manifest: {} }), noRoute);
  await assert.rejects(buckets.edit('b', { ...on, storage_class: 'Standard' }), noRoute);
  await assert.rejects(buckets.cors.get('b', on), noRoute);
  await assert.rejects(buckets.lifecycle.get('b', on), noRoute);
  await assert.rejects(client.d1.database.create({ ...on, name: 'd' }), noRoute);
  await assert.rejects(client.queues.create({ ...on, queue_name: 'q' }), noRoute);
  await assert.rejects(
    scripts.schedules.update('sdk', { ...on, body: [{ cron: '* * * * *' }] }),
    refused(400, /no cron triggers/),
  );
  assert.deepEqual(await scripts.schedules.get('sdk', on), { schedules: [] });
  await assert.rejects(
    scripts.subdomain.create('sdk', { ...on, enabled: true }),
    refused(404, /no workers\.dev subdomain/),
  );
  const off = { enabled: false, previews_enabled: false };
  assert.deepEqual(await scripts.subdomain.get('sdk', on), off);
  assert.deepEqual(await scripts.subdomain.delete('sdk', on), off);
  await assert.rejects(client.workers.subdomains.get(on), refused(404, /no workers\.dev subdomain/));
});

test('scripts: delete', async () => {
  await scripts.delete('sdk', on);
  assert.deepEqual(await all(scripts.list(on)), []);
  await assert.rejects(scripts.delete('sdk', on), refused(404, /does not exist/));
});
