import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openAccount } from '../../src/accounts/index.js';
import { temporaryFolder } from './local/fixture.js';

const base = { cwd: '/', log: () => {} };
const ID = 'ab'.repeat(16);

async function accountsServer(t: TestContext, accounts: { id: string; name: string }[]): Promise<string> {
  const server = createServer((request, response) => {
    assert.equal(request.headers.authorization, 'Bearer t');
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ success: true, errors: [], messages: [], result: accounts }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/client/v4`;
}

test('auto is local without credentials, and opening touches no file', async (t) => {
  const folder = await temporaryFolder(t);
  const account = await openAccount({
    ...base,
    account: 'auto',
    env: { FLUORITE_FLAKE_HOME: join(folder, 'home'), HOME: folder },
  });
  assert.equal(account.info.kind, 'local');
  assert.equal(account.info.stateDir, join(folder, 'home', 'local'));
  await account.close();
  await account.close();
  assert.equal(existsSync(join(folder, 'home')), false);
  const given = await openAccount({
    ...base,
    cwd: folder,
    account: 'local',
    stateDir: 'here',
    env: { CLOUDFLARE_API_TOKEN: 't' },
  });
  assert.deepEqual([given.info.kind, given.info.stateDir], ['local', join(folder, 'here')]);
});

test('a closed account says so', async (t) => {
  const account = await openAccount({
    ...base,
    account: 'local',
    stateDir: await temporaryFolder(t),
    env: {},
  });
  await account.close();
  await assert.rejects(account.invoke('w', new Request('http://w/')), { code: 'not-running' });
});

test('auto is Cloudflare with a token, or a key and its address; an id is taken as given', async () => {
  const token = await openAccount({
    ...base,
    account: 'auto',
    env: { CLOUDFLARE_API_TOKEN: 't', CLOUDFLARE_ACCOUNT_ID: ID },
  });
  assert.deepEqual(token.info, { kind: 'cloud', id: ID, name: ID, credentials: 'CLOUDFLARE_API_TOKEN' });
  const key = await openAccount({
    ...base,
    account: ID,
    env: { CLOUDFLARE_API_KEY: 'k', CLOUDFLARE_EMAIL: 'e@example.com' },
  });
  assert.deepEqual(key.info, {
    kind: 'cloud',
    id: ID,
    name: ID,
    credentials: 'CLOUDFLARE_API_KEY and CLOUDFLARE_EMAIL',
  });
  const half = await openAccount({ ...base, account: 'auto', env: { CLOUDFLARE_API_KEY: 'k' } });
  assert.equal(half.info.kind, 'local');
});

test('cloud without credentials, and an account that is none, are refused', async () => {
  await assert.rejects(openAccount({ ...base, account: 'cloud', env: {} }), { code: 'credentials-missing' });
  await assert.rejects(openAccount({ ...base, account: ID, env: {} }), { code: 'credentials-missing' });
  await assert.rejects(openAccount({ ...base, account: 'clowd', env: {} }), {
    code: 'invalid-option',
    message: /clowd/,
  });
});

test('the only account of the credentials is found, and of several the choices are named', async (t) => {
  const one = await accountsServer(t, [{ id: ID, name: 'Mine' }]);
  const env = { CLOUDFLARE_API_TOKEN: 't', CLOUDFLARE_API_BASE_URL: one };
  const account = await openAccount({ ...base, account: 'cloud', env });
  assert.deepEqual([account.info.id, account.info.name], [ID, 'Mine']);
  const two = await accountsServer(t, [
    { id: ID, name: 'Mine' },
    { id: 'cd'.repeat(16), name: 'Theirs' },
  ]);
  await assert.rejects(
    openAccount({ ...base, account: 'cloud', env: { ...env, CLOUDFLARE_API_BASE_URL: two } }),
    {
      code: 'credentials-missing',
      message: /Mine.*Theirs.*CLOUDFLARE_ACCOUNT_ID/,
    },
  );
});
