import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createCloudClient } from '../../src/accounts/cloud-client.js';
import { findCredentials as find } from '../../src/accounts/find-credentials.js';
import { openAccount } from '../../src/accounts/index.js';
import { signIn, signOut, whoAmI } from '../../src/accounts/sign-in.js';
import { listWorkers } from '../../src/cloudflare/workers.js';
import { SidecarError } from '../../src/protocol/index.js';
import { ACCOUNT_ID, CANARY, type CloudServer, cloudServer, failed, ok } from './cloud-server.js';
import { never, temporaryFolder } from './local/fixture.js';

/** Of a folder that no profile is bound to. */
const findCredentials = async (env: NodeJS.ProcessEnv) => (await find({ env, cwd: '/' })).credentials;

const LOGIN = 'config/default.toml';
const soon = () => new Date(Date.now() + 3_600_000).toISOString();
const past = () => new Date(Date.now() - 1000).toISOString();

/** An environment of its own: a home without any login, and programs that are looked for in it first. */
async function home(t: TestContext) {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'bin'));
  const env: NodeJS.ProcessEnv = {
    HOME: folder,
    USERPROFILE: folder,
    PATH: join(folder, 'bin'),
    FLUORITE_FLAKE_HOME: join(folder, 'ff'),
  };
  const wrangler = async (text: string, at = '.config/.wrangler') => {
    const path = join(folder, at, LOGIN);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, text);
    return path;
  };
  return { folder, env, wrangler };
}

const login = (token: string, expiry: string) =>
  `oauth_token = "${token}"\nexpiration_time = "${expiry}"\nrefresh_token = "r"\nscopes = [ "account:read" ]\n`;

async function rejection(run: Promise<unknown>): Promise<SidecarError> {
  const error = await run.then(
    () => assert.fail('it succeeded'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof SidecarError, String(error));
  assert.ok(!`${JSON.stringify(error.toWire())}${error.stack}${String(error.cause)}`.includes(CANARY));
  return error;
}

const whoAmIContext = { cwd: '/', signal: never(), onSecrets: () => {} };

/** Cloudflare as far as signing in asks it. */
function accountsServer(t: TestContext, ids: readonly string[] = [ACCOUNT_ID]): Promise<CloudServer> {
  return cloudServer(t, ({ url, headers }) => {
    if (headers.authorization !== `Bearer ${CANARY}`) return failed(401, 1000, {}, 'Invalid API Token');
    if (url.startsWith('/user/tokens/verify'))
      return ok({ status: 'active', expires_on: '2030-01-01T00:00:00Z' });
    return ok(ids.map((id, n) => ({ id, name: `Account ${n}` })));
  });
}

/** A keychain that keeps what it is given in a file, and writes down its arguments. */
async function fakeKeychain(folder: string): Promise<void> {
  const script = `#!/bin/sh
echo "$@" >> ${folder}/argv
case "$1" in
  store) /bin/cat > ${folder}/secret ;;
  lookup) /bin/cat ${folder}/secret ;;
  clear) /bin/rm ${folder}/secret ;;
esac
`;
  await writeFile(join(folder, 'bin/secret-tool'), script);
  await chmod(join(folder, 'bin/secret-tool'), 0o755);
}

test('credentials are looked for in the environment, then with wrangler, then in the profile', async (t) => {
  const { env, wrangler } = await home(t);
  const { baseURL } = await accountsServer(t);
  assert.equal(await findCredentials(env), undefined);
  await signIn(CANARY, undefined, { env: { ...env, CLOUDFLARE_API_BASE_URL: baseURL }, signal: never() });
  assert.equal((await findCredentials(env))?.source, 'fluorite-flake auth login');
  await wrangler(login('w', soon()));
  assert.equal((await findCredentials(env))?.source, 'wrangler login');
  const key = { ...env, CLOUDFLARE_API_KEY: 'k', CLOUDFLARE_EMAIL: 'e@example.com' };
  assert.equal((await findCredentials(key))?.source, 'CLOUDFLARE_API_KEY and CLOUDFLARE_EMAIL');
  assert.equal(
    (await findCredentials({ ...key, CLOUDFLARE_API_TOKEN: 't' }))?.source,
    'CLOUDFLARE_API_TOKEN',
  );
});

test("wrangler's login is found where wrangler keeps it, and is not written", async (t) => {
  const { folder, env, wrangler } = await home(t);
  await wrangler(login('xdg', soon()), 'xdg/.wrangler');
  assert.equal((await findCredentials({ ...env, XDG_CONFIG_HOME: join(folder, 'xdg') }))?.apiToken, 'xdg');
  const text = login('legacy', soon());
  const path = await wrangler(text, '.wrangler');
  const before = await stat(path);
  assert.equal((await findCredentials({ ...env, XDG_CONFIG_HOME: join(folder, 'xdg') }))?.apiToken, 'legacy');
  assert.equal(await readFile(path, 'utf8'), text);
  assert.equal((await stat(path)).mtimeMs, before.mtimeMs);
});

test('an expired login of wrangler says how to renew it, and is never taken for none', async (t) => {
  const { env, wrangler } = await home(t);
  for (const text of [login(CANARY, past()), `oauth_token = "${CANARY}"\n`]) {
    await wrangler(text);
    for (const account of ['auto', 'cloud', ACCOUNT_ID]) {
      const opened = await openAccount({ account, env, cwd: '/', log: () => {} });
      assert.equal(opened.info.kind, 'cloud');
      const listed = async () =>
        listWorkers({ client: await opened.client(), accountId: opened.info.id }, never());
      const error = await rejection(listed());
      assert.equal(error.code, 'credentials-expired');
      assert.match(error.message, /npx wrangler (whoami|login)/);
    }
  }
  const local = await openAccount({ account: 'local', env, cwd: '/', log: () => {} });
  assert.equal(local.info.kind, 'local');
});

test('a login of wrangler that cannot be read is refused without a word of it', async (t) => {
  const { env, wrangler } = await home(t);
  await wrangler(`oauth_token = "${CANARY}\n`);
  const error = await rejection(findCredentials(env));
  assert.equal(error.code, 'credentials-invalid');
  assert.match(error.message, /default\.toml/);
});

test('a login that ends while it is in use is read anew; wrangler may have renewed it', async (t) => {
  const { env, wrangler } = await home(t);
  const fake = await cloudServer(t, () => ok([]));
  await wrangler(login('first', soon()));
  const credentials = await findCredentials(env);
  assert.ok(credentials);
  const client = await createCloudClient({ credentials, baseURL: fake.baseURL });
  const api = { client, accountId: ACCOUNT_ID };
  await listWorkers(api, never());
  t.mock.timers.enable({ apis: ['Date'], now: (credentials.expiresAt ?? 0) + 1 });
  await wrangler(login('second', soon()));
  await listWorkers(api, never());
  assert.deepEqual(
    fake.calls.map(({ headers }) => headers.authorization),
    ['Bearer first', 'Bearer second'],
  );
});

test('signing in keeps a verified token in a file of its user alone where there is no keychain', async (t) => {
  const { folder, env } = await home(t);
  const { baseURL } = await accountsServer(t);
  const context = { ...whoAmIContext, env: { ...env, CLOUDFLARE_API_BASE_URL: baseURL } };
  const path = join(folder, 'ff/profile.json');
  const { stored, account, expiresOn } = await signIn(CANARY, undefined, context);
  assert.deepEqual(stored, { path });
  assert.deepEqual([account?.id, expiresOn], [ACCOUNT_ID, '2030-01-01T00:00:00Z']);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await stat(join(folder, 'ff'))).mode & 0o777, 0o700);
  const used = await openAccount({ account: 'auto', env: context.env, cwd: '/', log: () => {} });
  assert.deepEqual(used.info, {
    kind: 'cloud',
    id: ACCOUNT_ID,
    name: 'Account 0',
    credentials: 'fluorite-flake auth login',
  });
  await used.close();
  assert.equal((await whoAmI(undefined, context)).account?.name, 'Account 0');
  assert.equal(await signOut(context), true);
  assert.equal(await signOut(context), false);
  assert.equal((await rejection(whoAmI(undefined, context))).code, 'credentials-missing');
});

test('where there is a keychain the token is there alone, and on no command line', {
  skip: process.platform !== 'linux' && 'secret-tool is of Linux',
}, async (t) => {
  const { folder, env } = await home(t);
  await fakeKeychain(folder);
  const { baseURL } = await accountsServer(t);
  const context = { env: { ...env, CLOUDFLARE_API_BASE_URL: baseURL }, signal: never() };
  const { stored } = await signIn(CANARY, undefined, context);
  assert.match(stored.keychain ?? '', /secret-tool/);
  assert.equal((await findCredentials(env))?.apiToken, CANARY);
  assert.ok(!(await readFile(stored.path, 'utf8')).includes(CANARY));
  assert.ok(!(await readFile(join(folder, 'argv'), 'utf8')).includes(CANARY));
  await writeFile(join(folder, 'secret'), '');
  assert.equal((await rejection(findCredentials(env))).code, 'credentials-expired');
  assert.equal(await signOut(context), true);
  assert.equal(await findCredentials(env), undefined);
});

test('a keychain that fails leaves the token to the file', async (t) => {
  const { folder, env } = await home(t);
  await writeFile(join(folder, 'bin/secret-tool'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  const { baseURL } = await accountsServer(t);
  const context = { env: { ...env, CLOUDFLARE_API_BASE_URL: baseURL }, signal: never() };
  assert.equal((await signIn(CANARY, undefined, context)).stored.keychain, undefined);
  assert.equal((await findCredentials(env))?.apiToken, CANARY);
});

test('a token that Cloudflare refuses is not kept, nor one for an account it does not reach', async (t) => {
  const { env } = await home(t);
  const { baseURL } = await accountsServer(t);
  const context = { env: { ...env, CLOUDFLARE_API_BASE_URL: baseURL }, signal: never() };
  for (const [token, account, code] of [
    ['wrong-token-123', undefined, 'credentials-invalid'],
    ['two words 12345', undefined, 'credentials-invalid'],
    [CANARY, 'cd'.repeat(16), 'not-found'],
  ] as const) {
    assert.equal((await rejection(signIn(token, account, context))).code, code);
  }
  assert.equal(await findCredentials(env), undefined);
});

test('of several accounts one is chosen at sign-in, or asked for later', async (t) => {
  const { env } = await home(t);
  const other = 'cd'.repeat(16);
  const { baseURL } = await accountsServer(t, [ACCOUNT_ID, other]);
  const withBase = { ...env, CLOUDFLARE_API_BASE_URL: baseURL };
  const open = () => openAccount({ account: 'auto', env: withBase, cwd: '/', log: () => {} });
  await signIn(CANARY, undefined, { env: withBase, signal: never() });
  assert.equal((await rejection(open())).code, 'credentials-missing');
  await signIn(CANARY, other, { env: withBase, signal: never() });
  assert.equal((await open()).info.id, other);
});

test('a profile that cannot be read is refused without a word of it, and can be forgotten', async (t) => {
  const { folder, env } = await home(t);
  await mkdir(join(folder, 'ff'));
  for (const text of [`{"apiToken": "${CANARY}`, `{"version": 2, "apiToken": "${CANARY}"}`]) {
    await writeFile(join(folder, 'ff/profile.json'), text);
    assert.equal((await rejection(findCredentials(env))).code, 'credentials-invalid');
  }
  assert.equal(await signOut({ env }), true);
  assert.equal(await findCredentials(env), undefined);
});

test('credentials that no header takes, and addresses that are none, are refused without showing them', async (t) => {
  const { env } = await home(t);
  const open = (more: NodeJS.ProcessEnv) =>
    rejection(
      openAccount({
        account: 'auto',
        env: { ...env, CLOUDFLARE_API_TOKEN: CANARY, CLOUDFLARE_ACCOUNT_ID: ACCOUNT_ID, ...more },
        cwd: '/',
        log: () => {},
      }),
    );
  assert.equal((await open({ CLOUDFLARE_API_TOKEN: `${CANARY}\n${CANARY}` })).code, 'credentials-invalid');
  assert.equal((await open({ CLOUDFLARE_API_BASE_URL: 'ftp://x' })).code, 'invalid-option');
  assert.equal((await open({ CLOUDFLARE_ACCOUNT_ID: '../../x' })).code, 'invalid-option');
});

test('a PATH without any program is no fault', async (t) => {
  const { env } = await home(t);
  assert.equal(
    await findCredentials({ ...env, PATH: ['/nowhere', '/elsewhere'].join(delimiter) }),
    undefined,
  );
});
