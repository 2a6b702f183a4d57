import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { promptHidden } from '../../src/commands/auth-prompt.js';
import { ACCOUNT_ID, CANARY, cloudServer, failed, ok } from '../accounts/cloud-server.js';
import { never, temporaryFolder } from '../accounts/local/fixture.js';
import { wranglerHome } from '../support/wrangler-home.js';
import { type CliResult, runCli } from './run-cli.js';

async function cli(t: TestContext) {
  const folder = await temporaryFolder(t);
  const fake = await cloudServer(t, ({ url, headers }) => {
    if (headers.authorization !== `Bearer ${CANARY}`) return failed(401, 1000, {}, 'Invalid API Token');
    if (url.startsWith('/user/tokens/verify')) return ok({ status: 'active' });
    if (url.startsWith('/accounts?')) return ok([{ id: ACCOUNT_ID, name: 'Mine' }]);
    if (url.includes('/r2/buckets')) return failed(403, 10000);
    return ok([]);
  });
  const env = {
    HOME: folder,
    XDG_CONFIG_HOME: `${folder}/config`,
    FLUORITE_FLAKE_HOME: `${folder}/ff`,
    PATH: folder, // No keychain's program is here.
    CLOUDFLARE_API_BASE_URL: fake.baseURL,
  };
  const run = async (
    args: readonly string[],
    input = '',
    more: Record<string, string> = {},
  ): Promise<CliResult> => {
    const result = await runCli(args, { env: { ...env, ...more }, input, cwd: folder });
    assert.ok(!`${result.stdout}${result.stderr}`.includes(CANARY), 'the token was printed');
    return result;
  };
  return { fake, run, env };
}

test('login reads the token from stdin, whoami tells whose it is, logout forgets it', async (t) => {
  const { run } = await cli(t);
  assert.equal((await run(['auth', 'whoami'])).code, 1);
  const login = await run(['auth', 'login', '--debug'], `${CANARY}\n`);
  assert.equal(login.code, 0, login.stderr);
  assert.match(login.stdout, /Signed in[\s\S]*Mine \(abab/);
  const whoami = await run(['auth', 'whoami', '--json']);
  assert.deepEqual(JSON.parse(whoami.stdout), {
    credentials: 'fluorite-flake auth login',
    account: { id: ACCOUNT_ID, name: 'Mine' },
    accounts: [{ id: ACCOUNT_ID, name: 'Mine' }],
  });
  const list = await run(['workers', 'list', '--debug']);
  assert.equal(list.code, 0, list.stderr);
  assert.match(list.stderr, /Cloudflare account Mine \(abab/);
  const denied = await run(['r2', 'bucket', 'list', '--debug', '--json']);
  assert.equal(denied.code, 1);
  assert.match(denied.stderr, /permission-denied/);
  assert.equal((await run(['auth', 'logout'])).code, 0);
  const local = await run(['workers', 'list']);
  assert.match(local.stderr, /local account, state in .*auth login/);
});

test("wrangler's login counts for the folder of --cwd, and an encrypted one is asked for", {
  skip: process.platform === 'win32' && 'the programs here are scripts for sh',
}, async (t) => {
  const { run, env } = await cli(t);
  const home = wranglerHome(t);
  home.encrypted('work');
  home.wrangler({ work: { type: 'oauth', token: CANARY } });
  const cwd = home.project('app', 'work');
  const more = { ...home.env, XDG_CONFIG_HOME: '', CLOUDFLARE_API_BASE_URL: env.CLOUDFLARE_API_BASE_URL };
  const whoami = await run(['auth', 'whoami', '--json', '--cwd', cwd], '', more);
  assert.equal(JSON.parse(whoami.stdout).credentials, 'wrangler login, profile work', whoami.stderr);
  const list = await run(['workers', 'list', '--cwd', cwd], '', more);
  assert.match(list.stderr, /Cloudflare account Mine .*profile work/);
  assert.equal((await run(['auth', 'whoami'], '', more)).code, 1, 'nobody is signed in elsewhere');
});

test('an encrypted login that nobody can be asked for is said by every command, which goes on', async (t) => {
  const { run, env } = await cli(t);
  const home = wranglerHome(t);
  const path = home.encrypted('default');
  const more = { ...home.env, XDG_CONFIG_HOME: '', CLOUDFLARE_API_BASE_URL: env.CLOUDFLARE_API_BASE_URL };
  const list = await run(['kv', 'namespace', 'list'], '', more);
  assert.equal(list.code, 0, list.stderr);
  assert.ok(
    list.stderr.includes(path) && /local account.*warning:.*encrypted/s.test(list.stderr),
    list.stderr,
  );
  const json = JSON.parse((await run(['kv', 'namespace', 'list', '--json'], '', more)).stderr);
  assert.match(json.account.warnings[0], /encrypted/);
  const cloud = await run(['kv', 'namespace', 'list', '--account', 'cloud'], '', more);
  assert.deepEqual([cloud.code, cloud.stderr.includes(path)], [1, true], cloud.stderr);
});

test('a token that is refused is not kept, and nothing of it is printed', async (t) => {
  const { run, fake } = await cli(t);
  fake.answer = () => failed(401, 1000, {}, 'Invalid API Token');
  const login = await run(['auth', 'login', '--debug', '--json'], CANARY);
  assert.equal(login.code, 1);
  assert.match(login.stderr, /credentials-invalid/);
  assert.equal((await run(['auth', 'whoami'])).code, 1);
  assert.equal((await run(['auth', 'login'], '')).code, 1);
  assert.equal((await run(['auth', 'login', '--account', 'local'], CANARY)).code, 2);
});

test('read-only, a command that changes something is refused and nothing is sent', async (t) => {
  const { run, fake } = await cli(t);
  const env = { CLOUDFLARE_API_TOKEN: CANARY, CLOUDFLARE_ACCOUNT_ID: ACCOUNT_ID };
  const refused = await run(['r2', 'bucket', 'create', 'bucket', '--read-only'], '', env);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /read-only/);
  assert.deepEqual(fake.calls, []);
});

/** A terminal in which somebody types. */
function terminal() {
  const modes: boolean[] = [];
  const input = Object.assign(new PassThrough(), { setRawMode: (mode: boolean) => modes.push(mode) });
  const output = new PassThrough();
  return { modes, input, output, shown: () => String(output.read() ?? '') };
}

test('the prompt shows nothing of what is typed, and leaves the terminal as it was', async () => {
  const { modes, input, output, shown } = terminal();
  const answer = promptHidden('Token: ', input, output, never());
  for (const typed of ['secx', '\u007f', 'ret', '\r']) input.write(typed);
  assert.equal(await answer, 'secret');
  assert.equal(shown(), 'Token: \n');
  assert.deepEqual(modes, [true, false]);
});

test('Ctrl-C at the prompt, the end of the input and an abort cancel it', async () => {
  const aborter = new AbortController();
  const cases: ((input: PassThrough) => void)[] = [
    (input) => input.write('abc\u0003'),
    (input) => input.end(),
    () => aborter.abort(),
  ];
  for (const cancel of cases) {
    const { modes, input, output } = terminal();
    const answer = promptHidden('Token: ', input, output, aborter.signal);
    cancel(input);
    await assert.rejects(answer, { code: 'cancelled' });
    assert.deepEqual(modes, [true, false]);
  }
});
