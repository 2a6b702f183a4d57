import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import * as fc from 'fast-check';
import type { Account } from '../../src/accounts/account.js';
import { askProgram } from '../../src/accounts/ask-program.js';
import { findCredentials } from '../../src/accounts/find-credentials.js';
import { openAccount } from '../../src/accounts/index.js';
import { whoAmI } from '../../src/accounts/sign-in.js';
import { findWrangler, WranglerProgram } from '../../src/accounts/wrangler-program.js';
import { listWorkers } from '../../src/cloudflare/workers.js';
import { parseParams, Redactor, SidecarError } from '../../src/protocol/index.js';
import { CallContext } from '../../src/server/call-context.js';
import { createHandlers } from '../../src/server/handlers/index.js';
import { createServices } from '../../src/server/services.js';
import { isRunning } from '../support/process-state.js';
import { until } from '../support/until.js';
import { type WranglerHome, wranglerHome } from '../support/wrangler-home.js';
import { ACCOUNT_ID, CANARY, type CloudServer, cloudServer, failed, ok } from './cloud-server.js';
import { never } from './local/fixture.js';

const skip = process.platform === 'win32' && 'the programs here are scripts for sh';
const isRoot = process.getuid?.() === 0;

/** Cloudflare, which takes these tokens and no other. */
function accountsServer(
  t: TestContext,
  tokens: () => readonly string[] = () => [CANARY],
): Promise<CloudServer> {
  return cloudServer(t, ({ url, headers }) => {
    const isTaken = tokens().some((token) => headers.authorization === `Bearer ${token}`);
    if (!isTaken) return failed(401, 10000, {}, 'Authentication error');
    if (url.endsWith('/tokens/verify')) return ok({ status: 'active' });
    return ok(url.startsWith('/accounts?') ? [{ id: ACCOUNT_ID, name: 'Mine' }] : []);
  });
}

/** An account of that home, closed with the test, and every secret that it told of. */
async function opened(t: TestContext, home: WranglerHome, cwd: string, more: NodeJS.ProcessEnv = {}) {
  const secrets: string[] = [];
  const account = await openAccount({
    account: 'auto',
    cwd,
    env: { ...home.env, ...more },
    log: () => {},
    onSecrets: (found) => secrets.push(...found),
  });
  t.after(() => account.close());
  return { account, secrets };
}

const workersOf = async (account: Account) =>
  listWorkers({ client: await account.client(), accountId: account.info.id }, never());

async function rejection(run: Promise<unknown>): Promise<SidecarError> {
  const error = await run.then(
    () => assert.fail('it succeeded'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof SidecarError, String(error));
  assert.ok(!`${JSON.stringify(error.toWire())}${error.stack}${String(error.cause)}`.includes(CANARY));
  return error;
}

test('the profile is that of the environment, of the nearest bound folder, or the default one, as with wrangler', async (t) => {
  const home = wranglerHome(t);
  for (const profile of ['default', 'work', 'inner-1']) home.login(profile, `token-${profile}`);
  const work = home.project('work', 'work');
  const inner = home.project('work/a/inner', 'inner-1');
  const below = home.project('work/a/inner/src/deep');
  const beside = home.project('workshop');
  const freed = home.project('freed', 'default');
  symlinkSync(inner, join(home.folder, 'link'));
  for (const [cwd, named, profile] of [
    [home.folder, undefined, 'default'],
    [work, undefined, 'work'],
    [join(work, 'a'), undefined, 'work'],
    [inner, undefined, 'inner-1'],
    [below, undefined, 'inner-1'],
    [join(home.folder, 'link'), undefined, 'inner-1'],
    [beside, undefined, 'default'],
    [freed, undefined, 'default'],
    [inner, 'work', 'work'],
    [inner, 'default', 'default'],
    [inner, '', 'inner-1'],
  ] as const) {
    const env = { ...home.env, ...(named !== undefined && { CLOUDFLARE_AUTH_PROFILE: named }) };
    const { credentials, warnings } = await findCredentials({ env, cwd });
    assert.equal(credentials?.apiToken, `token-${profile}`, `${cwd}, ${named}`);
    const source = profile === 'default' ? 'wrangler login' : `wrangler login, profile ${profile}`;
    assert.equal(credentials?.source, source);
    assert.deepEqual(warnings, []);
  }
});

test('a name that is none of a profile is refused, and never becomes a path', async (t) => {
  const home = wranglerHome(t);
  home.plant('other.toml', `oauth_token = "${CANARY}"\n`);
  for (const name of ['../other', 'a/b', 'staging', 'Default', 'a b', '.', 'ä', 'x'.repeat(300)]) {
    const env = { ...home.env, CLOUDFLARE_AUTH_PROFILE: name };
    assert.equal((await rejection(findCredentials({ env, cwd: '/' }))).code, 'invalid-option', name);
    const cwd = home.project('bound', name);
    const error = await rejection(findCredentials({ env: home.env, cwd }));
    assert.equal(error.code, 'credentials-invalid', name);
    assert.match(error.message, /directory-bindings\.json/);
  }
});

test('a named profile without a login is said, whichever account it comes to', async (t) => {
  const home = wranglerHome(t);
  home.login('default', CANARY);
  const { account } = await opened(t, home, home.project('bound', 'work'));
  assert.equal(account.info.kind, 'local');
  assert.match(
    account.info.warnings?.join() ?? '',
    /no login for its profile work, chosen by its binding to/,
  );
  const env = { ...home.env, CLOUDFLARE_AUTH_PROFILE: 'gone' };
  const error = await rejection(openAccount({ account: 'cloud', env, cwd: '/', log: () => {} }));
  assert.equal(error.code, 'credentials-missing');
  assert.match(error.message, /profile gone, chosen by CLOUDFLARE_AUTH_PROFILE/);
});

test('an encrypted login is asked of wrangler once, at the first use and not before', { skip }, async (t) => {
  const home = wranglerHome(t);
  const { baseURL, calls } = await accountsServer(t);
  home.encrypted('default');
  home.encrypted('work');
  home.wrangler({ default: { type: 'oauth', token: CANARY }, work: { type: 'api_token', token: CANARY } });
  const work = home.project('work', 'work');
  for (const [cwd, profile, flag] of [
    [home.folder, 'default', ''],
    [work, 'work', ' --profile=work'],
  ] as const) {
    const { account, secrets } = await opened(t, home, cwd, { CLOUDFLARE_API_BASE_URL: baseURL });
    const before = home.asked().length;
    assert.deepEqual([account.info.kind, account.info.id, calls.length], ['cloud', '', 0]);
    await Promise.all([workersOf(account), workersOf(account), workersOf(account)]);
    await workersOf(account);
    assert.deepEqual([account.info.id, account.info.name], [ACCOUNT_ID, 'Mine']);
    assert.deepEqual(home.asked().slice(before), [`auth token --json${flag} | ${cwd} | ${profile} | none`]);
    assert.ok(secrets.includes(CANARY));
    calls.length = 0;
  }
});

test('with the keychain in use the encrypted login counts, else the plain one, as with wrangler', {
  skip,
}, async (t) => {
  const home = wranglerHome(t);
  home.login('default', 'plain-token');
  home.encrypted('default');
  home.wrangler({ default: { type: 'oauth', token: CANARY } });
  const found = async (more: NodeJS.ProcessEnv = {}) => {
    const { credentials } = await findCredentials({ env: { ...home.env, ...more }, cwd: home.folder });
    return credentials?.apiToken ?? (await credentials?.renew?.())?.apiToken;
  };
  assert.equal(await found(), 'plain-token');
  assert.equal(await found({ CLOUDFLARE_AUTH_USE_KEYRING: 'true' }), CANARY);
  home.plant('preferences.json', '{"keyring_enabled":true}');
  assert.equal(await found(), CANARY);
  assert.equal(await found({ CLOUDFLARE_AUTH_USE_KEYRING: 'false' }), 'plain-token');
});

test('where nobody can be asked for an encrypted login, auto says so and goes on, and cloud says so', async (t) => {
  const home = wranglerHome(t);
  const path = home.encrypted('default');
  const { account } = await opened(t, home, home.folder);
  assert.equal(account.info.kind, 'local');
  const [warning = ''] = account.info.warnings ?? [];
  for (const said of [path, 'encrypted', 'Install wrangler', 'auth login', 'CLOUDFLARE_API_TOKEN'])
    assert.ok(warning.includes(said), warning);
  const context = { env: home.env, cwd: home.folder, signal: never(), onSecrets: () => {} };
  for (const asked of [
    () => openAccount({ account: 'cloud', env: home.env, cwd: home.folder, log: () => {} }),
    () => whoAmI(undefined, context),
  ]) {
    const error = await rejection(asked());
    assert.equal(error.code, 'credentials-missing');
    assert.ok(error.message.includes(warning), error.message);
  }
});

test('the wrangler of the project comes before that on PATH, and one of another user is not run', {
  skip,
}, async (t) => {
  const home = wranglerHome(t);
  const project = home.project('a/b');
  const find = () => findWrangler({ env: home.env, cwd: project });
  assert.equal(await find(), undefined);
  const onPath = home.program('wrangler', 'exit 1');
  assert.equal(await find(), onPath);
  const own = home.program('wrangler', 'exit 1', join(home.folder, 'a'));
  assert.equal(await find(), own);
  chmodSync(own, 0o644);
  assert.equal(await find(), onPath);
  chmodSync(own, 0o755);
  if (!isRoot) return;
  chownSync(own, 12345, 12345);
  assert.equal(await find(), onPath);
});

const NEVER_A_TOKEN: [name: string, script: string, code: string, text: RegExp][] = [
  [
    'is not logged in',
    `echo '${CANARY}'; echo 'Not logged in.' >&2; exit 1`,
    'credentials-expired',
    /not logged in/,
  ],
  ['fails with the token in its words', `echo '${CANARY}' >&2; exit 3`, 'credentials-expired', /exit code 3/],
  ['is too old', "echo 'Unknown argument: profile' >&2; exit 1", 'credentials-expired', /too old/],
  [
    'needs another Node',
    "echo 'Wrangler requires at least Node.js v22' >&2; exit 1",
    'credentials-expired',
    /Node/,
  ],
  ['answers nothing', 'exit 0', 'credentials-invalid', /no token/],
  ['answers without JSON', `echo '${CANARY}'`, 'credentials-invalid', /no token/],
  ['answers in another shape', `echo '{"token":"${CANARY}"}'`, 'credentials-invalid', /no token/],
  [
    'answers with a line break in it',
    `echo '{"type":"oauth","token":"${CANARY}\\n"}'`,
    'credentials-invalid',
    /no token/,
  ],
  ['answers with a number', 'echo \'{"type":"oauth","token":7}\'', 'credentials-invalid', /no token/],
  ['answers with an array', `echo '["${CANARY}"]'`, 'credentials-invalid', /no token/],
  [
    'answers for ever',
    `while :; do echo '${CANARY}${'x'.repeat(4000)}'; done`,
    'credentials-expired',
    /could not be run/,
  ],
  ['ends by a signal', 'kill -9 $$', 'credentials-expired', /could not be run/],
  ['hangs, and what it started with it', 'sleep 600 & wait', 'credentials-expired', /within/],
];

test('a wrangler that gives no token is told in words, with nothing of its output', { skip }, async (t) => {
  const home = wranglerHome(t);
  const env = { ...home.env, PATH: `${home.env.PATH}:/usr/bin:/bin` };
  for (const [name, script, code, text] of NEVER_A_TOKEN) {
    const pids = join(home.folder, 'pids');
    const path = home.program('wrangler', `echo $$ >> '${pids}'\n${script}`);
    const waitMs = name.startsWith('hangs') ? 300 : 20_000;
    const program = new WranglerProgram(path, 'default', { env, cwd: home.folder, waitMs });
    const error = await rejection(program.token());
    assert.equal(error.code, code, name);
    assert.match(error.message, text, name);
    assert.match(error.message, /auth login.*local/, name);
    if (!name.startsWith('hangs')) continue;
    const pid = Number(readFileSync(pids, 'utf8').trim().split('\n').at(-1));
    await until('the program and its child are gone', () => !isRunning(pid));
  }
});

test('a wrangler that gave no token rests before it is asked again', { skip }, async (t) => {
  const home = wranglerHome(t);
  let now = 0;
  const path = home.wrangler({});
  const program = new WranglerProgram(path, 'default', { env: home.env, cwd: home.folder, now: () => now });
  for (const at of [0, 1000, 14_999, 15_000, 20_000]) {
    now = at;
    assert.equal((await rejection(program.token())).code, 'credentials-expired');
  }
  assert.equal(home.asked().length, 2);
});

test('closing the account ends the wrangler that is being asked', { skip }, async (t) => {
  const home = wranglerHome(t);
  const pids = join(home.folder, 'pids');
  home.encrypted('default');
  home.program('wrangler', `echo $$ >> '${pids}'\nexec /bin/sleep 600`);
  const { account } = await opened(t, home, home.folder, { CLOUDFLARE_ACCOUNT_ID: ACCOUNT_ID });
  const asked = rejection(workersOf(account));
  const read = () => {
    try {
      return Number(readFileSync(pids, 'utf8'));
    } catch {
      return 0;
    }
  };
  await until('wrangler runs', () => read() > 0);
  await account.close();
  assert.match((await asked).message, /closed/);
  await until('it is gone', () => !isRunning(read()));
});

test('a token that Cloudflare takes no more is asked for anew, and the request repeated once', {
  skip,
}, async (t) => {
  const home = wranglerHome(t);
  let taken = ['token-1'];
  const { baseURL, calls } = await accountsServer(t, () => taken);
  home.encrypted('default');
  home.wrangler({ default: { type: 'oauth', token: 'token-1' } });
  const { account } = await opened(t, home, home.folder, {
    CLOUDFLARE_API_BASE_URL: baseURL,
    CLOUDFLARE_ACCOUNT_ID: ACCOUNT_ID,
  });
  await workersOf(account);
  taken = ['token-2'];
  home.wrangler({ default: { type: 'oauth', token: 'token-2' } });
  await Promise.all([workersOf(account), workersOf(account)]);
  assert.equal(home.asked().length, 2);
  taken = ['token-3'];
  for (let n = 0; n < 3; n += 1)
    assert.equal((await rejection(workersOf(account))).code, 'credentials-invalid');
  assert.equal(home.asked().length, 3, 'the same answer once more is of no use');
  const used = new Set(calls.map(({ headers }) => headers.authorization));
  assert.deepEqual([...used], ['Bearer token-1', 'Bearer token-2']);
});

test('a login that has ended is renewed by wrangler at the first use', { skip }, async (t) => {
  const home = wranglerHome(t);
  const { baseURL } = await accountsServer(t);
  home.login('default', 'ended', true);
  home.wrangler({ default: { type: 'oauth', token: CANARY } });
  const { account } = await opened(t, home, home.folder, { CLOUDFLARE_API_BASE_URL: baseURL });
  assert.deepEqual([account.info.kind, home.asked()], ['cloud', []]);
  await workersOf(account);
  assert.deepEqual([account.info.id, home.asked().length], [ACCOUNT_ID, 1]);
});

test("a key with its e-mail address is taken from wrangler's answer too", { skip }, async (t) => {
  const home = wranglerHome(t);
  const fake = await cloudServer(t, () => ok([]));
  home.encrypted('default');
  home.wrangler({ default: { type: 'api_key', key: 'key-123456', email: 'me@example.com' } });
  const { account } = await opened(t, home, home.folder, {
    CLOUDFLARE_API_BASE_URL: fake.baseURL,
    CLOUDFLARE_ACCOUNT_ID: ACCOUNT_ID,
  });
  await workersOf(account);
  const headers = fake.calls[0]?.headers;
  assert.deepEqual(
    [headers?.authorization, headers?.['x-auth-key'], headers?.['x-auth-email']],
    [undefined, 'key-123456', 'me@example.com'],
  );
});

test('of a token and a key with e-mail that are both set, it is said which is used', async (t) => {
  const home = wranglerHome(t);
  const key = { CLOUDFLARE_API_KEY: 'key-123456', CLOUDFLARE_EMAIL: 'me@example.com' };
  const token = { CLOUDFLARE_API_TOKEN: CANARY };
  const id = { CLOUDFLARE_ACCOUNT_ID: ACCOUNT_ID };
  const { account } = await opened(t, home, '/', { ...key, ...token, ...id });
  assert.equal(account.info.credentials, 'CLOUDFLARE_API_TOKEN');
  assert.match(account.info.warnings?.join() ?? '', /CLOUDFLARE_API_TOKEN is used.*wrangler would use those/);
  for (const alone of [key, token]) {
    assert.equal((await opened(t, home, '/', { ...alone, ...id })).account.info.warnings, undefined);
  }
});

test('a token under the old name, which wrangler takes, is said not to be used', async (t) => {
  const home = wranglerHome(t);
  for (const old of [{ CF_API_TOKEN: CANARY }, { CF_API_KEY: 'key-123456', CF_EMAIL: 'me@example.com' }]) {
    const { account } = await opened(t, home, '/', old);
    assert.equal(account.info.kind, 'local');
    assert.match(
      account.info.warnings?.join() ?? '',
      /CF_API_TOKEN.*wrangler would use.*CLOUDFLARE_API_TOKEN/,
    );
  }
  assert.equal((await opened(t, home, '/', { CF_API_KEY: 'key-123456' })).account.info.warnings, undefined);
});

/** What may lie where a file of wrangler's or of ours is looked for. */
const PLANTED: Record<string, (path: string) => void> = {
  'a folder': (path) => mkdirSync(path, { recursive: true }),
  'a FIFO': (path) => execFileSync('mkfifo', [path]),
  'a file of more than 1 MiB': (path) => writeFileSync(path, ' '.repeat(1024 * 1024 + 1)),
  'a device': (path) => symlinkSync('/dev/zero', path),
  'a loop of links': (path) => symlinkSync(path, path),
};

test('whatever lies in the place of a file is refused or passed over, in words', { skip }, async (t) => {
  const home = wranglerHome(t);
  const config = join(home.folder, '.config/.wrangler');
  const files: [path: string, prepare: () => void][] = [
    [join(config, 'config/default.toml'), () => {}],
    [join(config, 'profiles/directory-bindings.json'), () => home.login('default', CANARY)],
    [join(config, 'preferences.json'), () => [home.login('default', CANARY), home.encrypted('default')]],
    [join(home.folder, 'ff/profile.json'), () => {}],
  ];
  const cases = Object.entries(PLANTED);
  if (!isRoot) cases.push(['a file without rights', (path) => writeFileSync(path, '', { mode: 0 })]);
  for (const [path, prepare] of files) {
    for (const [name, plant] of cases) {
      rmSync(config, { recursive: true, force: true });
      mkdirSync(dirname(path), { recursive: true });
      prepare();
      rmSync(path, { recursive: true, force: true });
      mkdirSync(dirname(path), { recursive: true });
      plant(path);
      const error = await rejection(findCredentials({ env: home.env, cwd: home.folder }));
      assert.equal(error.code, 'credentials-invalid', `${path}: ${name}`);
      assert.ok(error.message.includes(path), error.message);
      rmSync(path, { recursive: true, force: true });
    }
  }
});

/** Any bytes, any JSON, and JSON and TOML near to what is right. */
const content = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.json().map((text) => Buffer.from(text)),
  fc
    .record(
      {
        version: fc.oneof(fc.constant(1), fc.anything()),
        keychain: fc.oneof(fc.boolean(), fc.anything()),
        apiToken: fc.oneof(fc.constant(CANARY), fc.anything()),
        accountId: fc.oneof(fc.constant(ACCOUNT_ID), fc.anything()),
        accountName: fc.oneof(fc.string(), fc.anything()),
        keyring_enabled: fc.anything(),
      },
      { requiredKeys: [] },
    )
    .map((value) => {
      try {
        return Buffer.from(JSON.stringify(value));
      } catch {
        return Buffer.from('{}');
      }
    }),
  fc
    .dictionary(
      fc.constantFrom('oauth_token', 'api_token', 'expiration_time', 'refresh_token', 'x'),
      fc.constantFrom(
        `"${CANARY}"`,
        '""',
        '"a b"',
        '1',
        '-0.0',
        'true',
        '[]',
        '{a = 1}',
        '1979-05-27T07:32:00Z',
        '07:32:00',
        '1979-05-27',
        '"2999-01-01T00:00:00Z"',
        '9007199254740993',
        'inf',
        '"""\n"""',
      ),
    )
    .map((lines) =>
      Buffer.from(
        Object.entries(lines)
          .map(([name, value]) => `${name} = ${value}`)
          .join('\n'),
      ),
    ),
);

test('files of any content give credentials, words, or a typed error, and nothing of themselves', {
  skip,
}, async (t) => {
  const home = wranglerHome(t);
  const scale = Number(process.env.FF_TEST_SCALE ?? 1);
  const paths = [
    'config/default.toml',
    'profiles/directory-bindings.json',
    'preferences.json',
    'config/default.enc',
    '../../ff/profile.json',
  ];
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.constantFrom(...paths), content), async (files) => {
      for (const path of paths) rmSync(join(home.folder, '.config/.wrangler', path), { force: true });
      for (const [path, bytes] of Object.entries(files)) home.plant(path, bytes);
      try {
        const { credentials, warnings } = await findCredentials({ env: home.env, cwd: home.folder });
        assert.ok(!warnings.join().includes(CANARY));
        const hasFile = Object.keys(files).some(
          (path) => path !== 'preferences.json' && !path.startsWith('profiles'),
        );
        // A file that could have told of somebody is never passed over without a word.
        assert.ok(credentials || warnings.length > 0 || !hasFile, JSON.stringify(files));
        if (credentials?.apiToken !== undefined) assert.equal(typeof credentials.apiToken, 'string');
        if (credentials?.accountId !== undefined) assert.match(credentials.accountId, /^[0-9a-f]{32}$/);
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        const { code } = await rejection(Promise.reject(error));
        assert.ok(['credentials-invalid', 'credentials-expired'].includes(code), code);
      }
    }),
    { numRuns: Math.ceil(1000 * scale) },
  );
});

test('what a keychain answers that is no token is told, and a program that hangs is ended with all of its own', {
  skip: process.platform !== 'linux' && 'secret-tool is of Linux',
}, async (t) => {
  const home = wranglerHome(t);
  const env = { ...home.env, PATH: `${home.env.PATH}:/usr/bin:/bin` };
  home.plant('../../ff/profile.json', '{"version":1,"keychain":true}');
  for (const script of [
    `echo '${CANARY} and more'`,
    `printf '\\377\\376\\0'`,
    `echo '${CANARY}'; echo x`,
    `head -c 200000 /dev/zero`,
    'exit 1',
    `echo '{"v":1,"key":"${CANARY}"}'`,
  ]) {
    home.program('secret-tool', script);
    assert.equal((await rejection(findCredentials({ env, cwd: '/' }))).code, 'credentials-expired', script);
  }
  const pids = join(home.folder, 'pids');
  const path = home.program('hangs', `sleep 600 & echo $! > '${pids}'; wait`);
  assert.deepEqual(await askProgram(path, [], { env, timeoutMs: 300 }), { end: 'timeout' });
  const pid = Number(readFileSync(pids, 'utf8'));
  await until('what it started is gone', () => !isRunning(pid));
});

test('whoami and every other command take the same account ids', async (t) => {
  const home = wranglerHome(t);
  const { baseURL } = await accountsServer(t);
  for (const id of [
    ACCOUNT_ID,
    ACCOUNT_ID.toUpperCase(),
    ` ${ACCOUNT_ID}\n`,
    'abc',
    '../../x',
    `${ACCOUNT_ID}0`,
    ' ',
  ]) {
    const env = {
      ...home.env,
      CLOUDFLARE_API_TOKEN: CANARY,
      CLOUDFLARE_API_BASE_URL: baseURL,
      CLOUDFLARE_ACCOUNT_ID: id,
    };
    const context = { env, cwd: '/', signal: never(), onSecrets: () => {} };
    const outcomes = await Promise.all(
      [
        whoAmI(undefined, context).then(({ account }) => account?.id),
        openAccount({ account: 'cloud', env, cwd: '/', log: () => {} }).then(({ info }) => info.id),
      ].map((outcome) => outcome.catch((error: SidecarError) => error.code)),
    );
    const isId = id.trim() === '' || /^[0-9a-f]{32}$/i.test(id.trim());
    assert.deepEqual(outcomes, isId ? [ACCOUNT_ID, ACCOUNT_ID] : ['invalid-option', 'invalid-option'], id);
  }
});

test("a deploy of a folder that is bound to another profile than the session's is refused before it is built", {
  skip,
}, async (t) => {
  const home = wranglerHome(t);
  const { baseURL, calls } = await accountsServer(t);
  home.login('default', CANARY);
  home.login('work', 'another-identity');
  const { account } = await opened(t, home, home.folder, {
    CLOUDFLARE_API_BASE_URL: baseURL,
    CLOUDFLARE_ACCOUNT_ID: ACCOUNT_ID,
  });
  const handlers = createHandlers(
    createServices({
      openAccount: async () => account,
      cwd: home.folder,
      redactor: new Redactor([]),
      log: () => {},
    }),
  );
  const deploy = (cwd: string, config?: string) =>
    rejection(
      Promise.resolve(
        handlers['dashboard.deployWorker'](
          parseParams('dashboard.deployWorker', { cwd, config }),
          CallContext.within(never(), () => {}),
        ),
      ),
    );
  const refused = await deploy(home.project('projects/theirs', 'work'));
  assert.equal(refused.code, 'invalid-params');
  assert.match(refused.message, /profile work.*profile default.*CLOUDFLARE_AUTH_PROFILE/);
  const named = await deploy(home.folder, 'projects/theirs/wrangler.jsonc');
  assert.deepEqual([named.code, named.message], [refused.code, refused.message]);
  assert.deepEqual(calls, []);
  // An own folder gets as far as its configuration, which it does not have.
  assert.equal((await deploy(home.project('projects/own'))).code, 'config-not-found');
});
