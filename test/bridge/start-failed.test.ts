import assert from 'node:assert/strict';
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { SidecarError, SidecarOptions } from '../../bridge/index.js';
import { createScenario, library, scenarioCli, temporaryFolder } from '../support/scenario.js';

/** Starts what cannot start; the sidecar must end in ERROR and tell `error` once. */
async function failure(t: TestContext, scenario: string, options: SidecarOptions = {}) {
  const made = await createScenario(t, scenario, options);
  const error = await made.sidecar.start().then(
    () => assert.fail('it started'),
    (reason: SidecarError) => reason,
  );
  assert.equal(made.sidecar.getState(), 'error');
  const named = (name: string) => made.events.filter(([event]) => event === name);
  assert.deepEqual(
    named('error').map(([, argument]) => argument),
    [error],
  );
  assert.equal(named('started').length + named('ipc-connected').length, 0);
  return { ...made, error, named };
}

async function fileOf(t: TestContext, name: string, text: string, mode: number): Promise<string> {
  const file = join(await temporaryFolder(t), name);
  await writeFile(file, text);
  await chmod(file, mode);
  return file;
}

test('a missing file, a folder and a name that is not on PATH are named, as process-error', async (t) => {
  const folder = await temporaryFolder(t);
  for (const [cliPath, text] of [
    [join(folder, 'missing'), /there is no file/],
    [folder, /is not a file/],
    ['no-such-cli-anywhere', /no executable "no-such-cli-anywhere" on PATH/],
  ] as const) {
    const { error, named } = await failure(t, '', { cliPath });
    assert.equal(error.code, 'start-failed');
    assert.match(error.message, text);
    assert.equal(named('process-error').length, 1);
  }
});

test('a working directory that cannot be used is named as the culprit', async (t) => {
  const file = await fileOf(t, 'file', '', 0o644);
  for (const [cwd, text] of [
    [`${file}-missing`, /working directory .*file-missing does not exist/],
    [file, /working directory .*file is no folder/],
  ] as const) {
    const { error } = await failure(t, '', { cwd });
    assert.equal(error.code, 'start-failed');
    assert.match(error.message, text);
    assert.doesNotMatch(error.message, /node/, 'the program is innocent');
  }
});

test('a rejected start without an error listener is told once: no warning as well', async (t) => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on('warning', onWarning);
  t.after(() => process.off('warning', onWarning));
  const sidecar = new library.TauriSidecar({ cliPath: 'no-such-cli-anywhere' });
  await assert.rejects(sidecar.start(), { code: 'start-failed' });
  assert.equal(sidecar.getState(), 'error');
  // Warnings are told on the next tick.
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(
    warnings.filter(({ name }) => name === 'FluoriteFlakeWarning'),
    [],
  );
});

test('a file that is not executable is refused', async (t) => {
  const cliPath = await fileOf(t, 'cli', '#!/bin/sh\nexit 0\n', 0o644);
  const { error } = await failure(t, '', { cliPath });
  assert.equal(error.code, 'start-failed');
  assert.match(error.message, /not executable/);
});

test('an executable without a first line "#!" is refused, and no shell ever runs it', async (t) => {
  const marker = join(await temporaryFolder(t), 'ran');
  const cliPath = await fileOf(t, 'cli', `touch ${marker}\n`, 0o755);
  const { error } = await failure(t, '', { cliPath });
  assert.match(error.message, /neither a program nor a script/);
  await assert.rejects(rm(marker), { code: 'ENOENT' });
});

test('metacharacters in cliPath and cwd are only characters', async (t) => {
  const folder = join(await temporaryFolder(t), 'a b;$(touch x)&"\'');
  await mkdir(folder);
  const link = join(folder, 'cli $HOME.js');
  await symlink(scenarioCli, link);
  const { sidecar } = await createScenario(t, '', { cliPath: link, cwd: folder });
  await sidecar.start();
  const { payload } = await sidecar.call('system.ping', { payload: 'arguments' });
  assert.equal((payload as string[]).at(-1), folder);
});

test('a script whose interpreter is missing cannot be spawned', async (t) => {
  const cliPath = await fileOf(t, 'cli', '#!/no/such/interpreter\n', 0o755);
  const { error, named } = await failure(t, '', { cliPath });
  assert.equal(error.code, 'start-failed');
  assert.equal(error.data.errno, 'ENOENT');
  assert.equal(named('process-error').length, 1);
});

test('a working directory that is gone is a failed start', async (t) => {
  const cwd = join(await temporaryFolder(t), 'gone');
  const { error } = await failure(t, '', { cwd });
  assert.equal(error.code, 'start-failed');
  assert.match(error.message, /gone/);
});

test('foreign programs fail with what they did', async (t) => {
  const { error: ended } = await failure(t, '', { cliPath: '/bin/true' });
  assert.equal(ended.code, 'start-failed');
  assert.equal(ended.data.exitCode, 0);
  const { error: refused } = await failure(t, '', { cliPath: '/bin/cat' });
  assert.equal(refused.code, 'start-failed');
  // It does not know the arguments that it is given.
  assert.match(String(refused.data.stderr), /cat:/);
  const { error: silent } = await failure(t, '', { cliPath: '/bin/sleep', startTimeout: 300 });
  assert.equal(silent.code, 'start-failed');
});

test('a program that echoes its input is found out by what it sends', async (t) => {
  const cliPath = await fileOf(t, 'cli', '#!/bin/sh\nexec cat\n', 0o755);
  const { error, named } = await failure(t, '', { cliPath });
  assert.equal(error.code, 'start-failed');
  assert.equal(error.data.reason, 'protocol-error');
  assert.match(error.message, /sent a request, "initialize"/);
  assert.match(error.message, /Is .*cli the fluorite-flake CLI\?/);
  assert.equal(named('ipc-error').length, 1);
});

test('a program that prints text is found out by its first bytes', async (t) => {
  const cliPath = await fileOf(t, 'cli', '#!/bin/sh\necho hello there\nexec sleep 30\n', 0o755);
  const { error, named } = await failure(t, '', { cliPath });
  assert.match(error.message, /found "hello there/);
  assert.equal(named('ipc-error').length, 1);
});

test('an exit before the handshake tells code and stderr, without the secrets in it', async (t) => {
  for (const code of ['0', '1']) {
    const { error, named } = await failure(t, 'exit-before-ready', {
      env: { SCENARIO_CODE: code, CLOUDFLARE_API_TOKEN: 'cloudflare-secret' },
    });
    assert.equal(error.code, 'start-failed');
    assert.equal(error.data.exitCode, Number(code));
    assert.equal(error.data.stderr, 'cannot go on with [redacted]');
    assert.match(error.message, /exit code \d before it was ready.*cannot go on with \[redacted\]/);
    assert.equal(named('process-exit').length, 1);
  }
});

test('the end of a long stderr begins with no half of a secret', async (t) => {
  const { error } = await failure(t, 'long-stderr-before-ready', {
    env: { CLOUDFLARE_API_TOKEN: 'cloudflare-secret' },
  });
  assert.match(error.message, /It wrote to stderr: \[redacted\]yyy/);
  assert.equal(/cloudf|secret/.test(`${error.message}${error.data.stderr}`), false);
  assert.ok(error.message.length < 6000);
});

test('a signal before the handshake is told', async (t) => {
  const { error } = await failure(t, 'killed-before-ready');
  assert.equal(error.code, 'start-failed');
  assert.equal(error.data.signal, 'SIGKILL');
});

test('a mute child is given up after `startTimeout` and killed', async (t) => {
  const { error, named } = await failure(t, 'mute', { startTimeout: 400 });
  assert.equal(error.code, 'start-failed');
  assert.match(error.message, /did not answer the handshake within 400 ms/);
  assert.equal(named('ipc-error').length, 1);
});

test('a CLI of another protocol, with a wrong token or without an account is refused by name', async (t) => {
  const { error: version } = await failure(t, 'wrong-version');
  assert.equal(version.code, 'version-mismatch');
  assert.match(version.message, /protocol 99/);
  const { error: proof, named } = await failure(t, 'wrong-token', { authToken: 'the-session-token' });
  assert.equal(proof.code, 'authentication-failed');
  assert.equal(proof.message.includes('the-session-token'), false);
  assert.equal(named('ipc-error').length, 1);
  const { error: silent } = await failure(t, 'no-account');
  assert.equal(silent.code, 'authentication-failed');
});

test('a relative cliPath is found from `cwd`, a name on the PATH that the child gets', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'my-cli'), `#!/bin/sh\nexec ${process.execPath} ${scenarioCli} "$@"\n`);
  await chmod(join(folder, 'my-cli'), 0o755);
  for (const options of [
    { cliPath: './my-cli', cwd: folder },
    { cliPath: 'my-cli', env: { PATH: `${folder}:/bin:/usr/bin` } },
  ]) {
    const { sidecar } = await createScenario(t, '', options);
    await sidecar.start();
    assert.equal((await sidecar.call('system.ping')).pong, true);
  }
});

test('after a failed start the same sidecar starts once the cause is gone', async (t) => {
  const folder = await temporaryFolder(t);
  const cliPath = join(folder, 'cli.js');
  const { sidecar } = await failure(t, '', { cliPath });
  await symlink(scenarioCli, cliPath);
  await sidecar.start();
  assert.equal(sidecar.getState(), library.SidecarState.RUNNING);
});
