import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { serveLocalApi } from '../../src/accounts/local/api-server.js';
import { fetchOverSocket } from '../../src/accounts/local/socket-fetch.js';
import { noRuntime, temporaryFolder, until } from '../accounts/local/fixture.js';
import { resultOf, runCli, startCli } from './run-cli.js';

/** `local api --json`, once it serves: the environment it tells, and what it wrote to stderr. */
async function serve(t: TestContext, args: readonly string[], env: Record<string, string> = {}) {
  const child = startCli(['local', 'api', '--json', ...args], { env });
  t.after(() => void child.kill('SIGKILL'));
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await until(() => output.endsWith('\n') || child.exitCode !== null, 'it serves');
  assert.equal(child.exitCode, null, errors);
  const { env: told } = JSON.parse(output) as { env: Record<string, string> };
  return { child, env: told, errors: () => errors };
}

async function interrupted(child: ChildProcess): Promise<number | null> {
  const result = resultOf(child);
  child.kill('SIGINT');
  return (await result).code;
}

const accountsOn = (socketPath: string) =>
  fetchOverSocket(socketPath, new Request('http://any/client/v4/accounts')).then((response) =>
    response.json(),
  );

test('it serves on a socket that only this user can open, and Ctrl-C leaves nothing', async (t) => {
  const folder = await temporaryFolder(t);
  const socket = join(folder, 'api.sock');
  const { child, env } = await serve(t, ['--socket', socket, '--state-dir', join(folder, 's')]);
  assert.equal((await stat(socket)).mode & 0o777, 0o600);
  assert.equal(env.FLUORITE_FLAKE_API_SOCKET, socket);
  const { success, result } = (await accountsOn(socket)) as { success: boolean; result: { id: string }[] };
  assert.deepEqual([success, result[0]?.id], [true, env.CLOUDFLARE_ACCOUNT_ID]);
  const second = await runCli(['local', 'api', '--socket', socket, '--state-dir', join(folder, 's')]);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /listens on .* already.*\(conflict\)/);
  assert.equal(await interrupted(child), 130);
  assert.equal(existsSync(socket), false);
});

test('a program reaches it by the environment it tells', async (t) => {
  const folder = await temporaryFolder(t);
  const socket = join(folder, 'api.sock');
  const { child, env } = await serve(t, ['--socket', socket, '--state-dir', join(folder, 's')]);
  const script = `
    const response = await fetch(process.env.CLOUDFLARE_API_BASE_URL + '/user/tokens/verify');
    console.log((await response.json()).result.status);`;
  // From source the preload is TypeScript.
  const args = env.NODE_OPTIONS?.endsWith('.ts') ? ['--import', 'tsx'] : [];
  const program = spawn(process.execPath, [...args, '--input-type=module', '-e', script], {
    env: { ...process.env, ...env },
  });
  const { code, stdout, stderr } = await resultOf(program);
  assert.equal(code, 0, stderr);
  assert.equal(stdout.trim(), 'active');
  await interrupted(child);
});

test('the socket of a killed process is replaced; a file that is none is not', async (t) => {
  const folder = await temporaryFolder(t);
  const stale = join(folder, 'stale.sock');
  const script = `require('node:net').createServer().listen(${JSON.stringify(stale)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', script]), 'close');
  assert.ok((await stat(stale)).isSocket());
  const options = { stateDir: join(folder, 's'), log: () => {}, createRuntime: noRuntime };
  const server = await serveLocalApi({ ...options, listen: { socketPath: stale } });
  t.after(() => server.close());
  assert.equal(((await accountsOn(stale)) as { success: boolean }).success, true);

  const file = join(folder, 'file');
  await writeFile(file, 'mine');
  await assert.rejects(serveLocalApi({ ...options, listen: { socketPath: file } }), { code: 'conflict' });
  for (const socketPath of [join(folder, 'x'.repeat(100)), join(folder, 'with space'), join(folder, 'a:b')]) {
    await assert.rejects(serveLocalApi({ ...options, listen: { socketPath } }), { code: 'invalid-option' });
  }
});

test('a port is of loopback, and every request needs the token', async (t) => {
  const folder = await temporaryFolder(t);
  const token = 'a token of the environment';
  const state = ['--state-dir', join(folder, 's')];
  const { child, env, errors } = await serve(t, ['--port', '0', ...state], { CLOUDFLARE_API_TOKEN: token });
  const url = env.CLOUDFLARE_API_BASE_URL ?? '';
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/client\/v4$/);
  const status = async (headers: Record<string, string>, path = '/accounts') =>
    (await fetch(url + path, { headers })).status;
  assert.equal(await status({ authorization: `Bearer ${token}` }), 200);
  assert.equal(await status({ authorization: `Bearer ${token}!` }), 401);
  assert.equal(await status({}), 401);
  assert.equal(await status({}, '/local/ping'), 401);
  assert.equal(await status({ authorization: `Bearer ${token}` }, '/local/ping'), 404);
  assert.ok(!`${errors()}${JSON.stringify(env)}`.includes(token), 'the token is not repeated');
  await interrupted(child);
});

test('a random token is told once, on stderr', async (t) => {
  const folder = await temporaryFolder(t);
  const { child, env, errors } = await serve(t, ['--port', '0', '--state-dir', join(folder, 's')]);
  const [line = '', ...more] = errors()
    .split('\n')
    .filter((one) => one.includes('"token"'));
  assert.deepEqual(more, []);
  const { token } = JSON.parse(line) as { token: string };
  assert.match(token, /^[0-9a-f]{64}$/);
  const headers = { authorization: `Bearer ${token}` };
  assert.equal((await fetch(`${env.CLOUDFLARE_API_BASE_URL}/user`, { headers })).status, 200);
  await interrupted(child);
});

test('a tail without its secret, and an upgrade that is none, are refused', async (t) => {
  const folder = await temporaryFolder(t);
  const socketPath = join(folder, 'api.sock');
  const options = { stateDir: join(folder, 's'), log: () => {}, createRuntime: noRuntime };
  const server = await serveLocalApi({ ...options, listen: { socketPath } });
  t.after(() => server.close());
  for (const path of ['/tails/', `/tails/${'0'.repeat(64)}`, '/client/v4/accounts']) {
    const upgrade = httpRequest({
      socketPath,
      path,
      headers: { connection: 'Upgrade', upgrade: 'websocket' },
    });
    upgrade.end();
    const [response] = await once(upgrade, 'response');
    assert.equal(response.statusCode, 404);
    response.resume();
  }
});

test('with --read-only nothing is changed', async (t) => {
  const folder = await temporaryFolder(t);
  const socketPath = join(folder, 'api.sock');
  const options = { stateDir: join(folder, 's'), log: () => {}, createRuntime: noRuntime };
  const server = await serveLocalApi({ ...options, listen: { socketPath }, readOnly: true });
  t.after(() => server.close());
  const status = async (method: string, path: string) => {
    const url = `${server.baseUrl}/accounts/${server.accountId}${path}`;
    return (await fetchOverSocket(socketPath, new Request(url, { method }))).status;
  };
  assert.equal(await status('GET', '/r2/buckets'), 200);
  assert.equal(await status('POST', '/r2/buckets'), 403);
  assert.equal(await status('DELETE', '/workers/scripts/any'), 403);
  assert.equal(await status('DELETE', '/workers/scripts/any/tails/none'), 404);
  // A key may be called like the one POST that only reads.
  assert.equal(await status('PUT', '/storage/kv/namespaces/any/values/x/bulk/get'), 403);
  assert.equal(await status('DELETE', '/storage/kv/namespaces/any/values/x/bulk/get'), 403);
  assert.equal(await status('POST', '/storage/kv/namespaces/any/bulk/get'), 404);
});

test('a wrong command line says what is wrong', async (t) => {
  const busy = createServer().listen(0, '127.0.0.1');
  await once(busy, 'listening');
  t.after(() => busy.close());
  const { port } = busy.address() as { port: number };
  const folder = await temporaryFolder(t);
  const state = ['--state-dir', join(folder, 's')];
  const cases: [string[], number, RegExp][] = [
    [[], 2, /either --socket <path> or --port/],
    [['--socket', 'a', '--port', '1'], 2, /either --socket <path> or --port/],
    [['--socket', 'a', '--auth-stdin'], 2, /goes with --port only/],
    [['--port', '70000'], 2, /up to 65535/],
    [['--port', '0', '--account', 'cloud'], 2, /Only the local account/],
    [['--port', String(port)], 1, /cannot be used.*\(conflict\)/],
  ];
  const results = await Promise.all(cases.map(([args]) => runCli(['local', 'api', ...state, ...args])));
  for (const [at, [args, code, message]] of cases.entries()) {
    assert.equal(results[at]?.code, code, `${args}: ${results[at]?.stderr}`);
    assert.match(results[at]?.stderr ?? '', message);
  }
});
