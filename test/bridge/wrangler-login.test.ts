import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { SidecarOptions } from '../../bridge/index.js';
import { ACCOUNT_ID, CANARY, cloudServer, failed, ok } from '../accounts/cloud-server.js';
import { BUILT_CLI } from '../support/built.js';
import { isRunning } from '../support/process-state.js';
import { library } from '../support/scenario.js';
import { until } from '../support/until.js';
import { type WranglerHome, wranglerHome } from '../support/wrangler-home.js';

const skip =
  process.platform === 'win32'
    ? 'the programs here are scripts for sh'
    : !existsSync(BUILT_CLI) && 'not built';

/** A sidecar on the real CLI in that home, everything it logs, and what its process was warned of. */
function sidecarIn(t: TestContext, home: WranglerHome, options: SidecarOptions = {}) {
  const lines: string[] = [];
  const warnings: string[] = [];
  const onWarning = ({ name, message }: Error) => {
    if (name === 'FluoriteFlakeWarning') warnings.push(message);
  };
  process.on('warning', onWarning);
  const sidecar = new library.TauriSidecar({
    cliPath: BUILT_CLI,
    autoRestart: false,
    debug: true,
    logger: (line) => lines.push(line),
    cwd: home.folder,
    ...options,
    env: { XDG_CONFIG_HOME: '', ...home.env, CLOUDFLARE_API_TOKEN: '', ...options.env },
  });
  t.after(async () => {
    await sidecar.stop();
    process.off('warning', onWarning);
    assert.ok(![...lines, ...warnings].join('\n').includes(CANARY), 'the token was logged');
  });
  return { sidecar, lines, warnings };
}

const pidOf = (path: string) => Number(readFileSync(path, 'utf8'));

/** Cloudflare, which takes one token, and repeats it where it refuses something. */
function cloud(t: TestContext) {
  return cloudServer(t, ({ url, headers }) => {
    if (headers.authorization !== `Bearer ${CANARY}`) return failed(401, 10000);
    if (url.includes('/r2/buckets')) return failed(403, 10000, {}, `${CANARY} may not do this`);
    return ok(url.startsWith('/accounts?') ? [{ id: ACCOUNT_ID, name: 'Mine' }] : []);
  });
}

test('start() asks no wrangler for an encrypted login, and the first call does, once', {
  skip,
}, async (t) => {
  const home = wranglerHome(t);
  const { baseURL, calls } = await cloud(t);
  home.encrypted('work');
  home.wrangler({ work: { type: 'oauth', token: CANARY } });
  const cwd = home.project('app', 'work');
  const { sidecar, warnings } = sidecarIn(t, home, { cwd, env: { CLOUDFLARE_API_BASE_URL: baseURL } });
  await sidecar.start();
  assert.deepEqual([sidecar.account?.kind, home.asked(), calls.length], ['cloud', [], 0]);
  const data = await sidecar.call('dashboard.getData');
  assert.deepEqual([data.account.id, data.account.credentials], [ACCOUNT_ID, 'wrangler login, profile work']);
  await sidecar.call('dashboard.listWorkers');
  assert.equal(home.asked().length, 1);
  assert.deepEqual(warnings, []);
  // From the moment wrangler said it, the token is taken out of whatever else says it.
  await assert.rejects(sidecar.call('dashboard.listR2Buckets'), (error: Error) => {
    assert.match(error.message, /\[redacted\] may not do this/);
    return true;
  });
});

test('start() goes on with the local account where nobody can be asked, and says so once', {
  skip,
}, async (t) => {
  const home = wranglerHome(t);
  const path = home.encrypted('default');
  for (const said of [1, 0]) {
    const { sidecar, warnings } = sidecarIn(t, home, { debug: false });
    await sidecar.start();
    assert.equal(sidecar.account?.kind, 'local');
    assert.deepEqual(await sidecar.call('dashboard.listWorkers'), []);
    await sidecar.stop();
    assert.equal(warnings.length, said);
    if (said) assert.match(warnings[0] ?? '', new RegExp(`${path}.*Install wrangler.*account: 'local'`));
  }
  // The debug log has it in the CLI's own words.
  const { sidecar, lines, warnings } = sidecarIn(t, home);
  await sidecar.start();
  await until('the CLI has said it', () => lines.some((line) => line.includes(path)));
  await sidecar.stop();
  assert.equal(lines.filter((line) => line.includes('encrypted')).length, 1);
  assert.deepEqual(warnings, []);
});

test('start() goes on with a login that has ended; calls are refused until it is renewed', {
  skip,
}, async (t) => {
  const home = wranglerHome(t);
  const { baseURL } = await cloud(t);
  home.login('default', CANARY, true);
  const { sidecar } = sidecarIn(t, home, { env: { CLOUDFLARE_API_BASE_URL: baseURL } });
  await sidecar.start();
  assert.equal(sidecar.account?.kind, 'cloud');
  await assert.rejects(sidecar.call('dashboard.listWorkers'), { code: 'credentials-expired' });
  home.login('default', CANARY);
  assert.deepEqual(await sidecar.call('dashboard.listWorkers'), []);
});

test('what a wrangler that fails prints is shown to nobody, and the session goes on', { skip }, async (t) => {
  const home = wranglerHome(t);
  home.encrypted('default');
  home.program('wrangler', `echo '${CANARY}'; echo 'failed with ${CANARY}' >&2; exit 1`);
  const { sidecar } = sidecarIn(t, home);
  await sidecar.start();
  await assert.rejects(sidecar.call('dashboard.getData'), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'credentials-expired');
    assert.ok(error.message.includes(join(home.folder, 'bin/wrangler')), error.message);
    assert.ok(!JSON.stringify(error).includes(CANARY) && !error.stack?.includes(CANARY));
    return true;
  });
  assert.equal((await sidecar.call('system.ping')).pong, true);
});

test('stop() ends a wrangler that is being asked', { skip }, async (t) => {
  const home = wranglerHome(t);
  const pidFile = join(home.folder, 'pid');
  home.encrypted('default');
  home.program('wrangler', `echo $$ > '${pidFile}'\nexec /bin/sleep 600`);
  const { sidecar } = sidecarIn(t, home);
  await sidecar.start();
  const controller = new AbortController();
  const call = sidecar.call('dashboard.listWorkers', undefined, { signal: controller.signal });
  const settled = assert.rejects(call);
  await until('wrangler runs', () => existsSync(pidFile) && pidOf(pidFile) > 0);
  controller.abort();
  await settled;
  await sidecar.stop();
  assert.equal(isRunning(pidOf(pidFile)), false);
});
