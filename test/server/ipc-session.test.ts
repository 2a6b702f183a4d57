import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { CLI, Inbox, initializeParams, root, WireBench, within } from '../support/wire-cli.js';

const bench = new WireBench();
afterEach(() => bench.close());

test('a call before initialize is refused, and initialize still works', async () => {
  const cli = await bench.start();
  for (const method of ['system.ping', 'nope', 'system.shutdown']) {
    const { error } = await cli.call(1, method);
    assert.equal(error?.code, -32002);
    assert.equal(error?.data?.code, 'not-initialized');
  }
  assert.equal((await cli.call(2, 'initialize', { nonsense: 1 })).error?.code, -32602);
  const { result } = await cli.initialize();
  assert.deepEqual(Object.keys(result ?? {}).sort(), ['account', 'protocolVersion', 'server']);
  assert.equal((result?.account as { kind: string } | undefined)?.kind, 'local');
  assert.ok((await cli.call(3, 'system.ping')).result);
});

test('calls may follow initialize in the same write', async () => {
  const cli = await bench.start();
  cli.request(1, 'initialize', initializeParams);
  cli.notify('initialized', {});
  cli.request(2, 'system.ping');
  const ids = [(await cli.inbox.next()).id, (await cli.inbox.next()).id];
  assert.deepEqual(ids.sort(), [1, 2]);
});

test('another protocol version is refused by name and ends the session', async () => {
  const cli = await bench.start();
  const { error } = await cli.call(1, 'initialize', { ...initializeParams, protocolVersion: 999 });
  assert.equal(error?.code, -32003);
  assert.equal(error?.data?.code, 'version-mismatch');
  assert.match(error?.message ?? '', /999/);
  assert.equal((await cli.ended()).code, 1);
});

test('shutdown answers, then ends the server with code 0', async () => {
  const cli = await bench.startReady();
  cli.request(1, 'system.ping');
  cli.request(2, 'system.shutdown');
  assert.equal((await cli.inbox.next()).id, 1);
  const { id, result } = await cli.inbox.next();
  assert.equal(id, 2);
  assert.deepEqual(result, { success: true });
  assert.deepEqual(await cli.ended(), { code: 0, signal: null });
  assert.equal(cli.stderr, '');
});

test('the end of stdin ends the server with code 0, before and after initialize', async () => {
  const [fresh, ready] = [await bench.start(), await bench.startReady()];
  fresh.stdin.end();
  ready.stdin.end();
  assert.equal((await fresh.ended()).code, 0);
  assert.equal((await ready.ended()).code, 0);
});

test('calls that were read before stdin ended are answered', async () => {
  const cli = await bench.start();
  cli.request(1, 'initialize', initializeParams);
  cli.request(2, 'dashboard.getData');
  cli.request(3, 'dashboard.listR2Buckets');
  cli.stdin.end();
  const ids = [(await cli.inbox.next()).id, (await cli.inbox.next()).id, (await cli.inbox.next()).id];
  assert.deepEqual(ids.sort(), [1, 2, 3]);
  assert.deepEqual(await cli.ended(), { code: 0, signal: null });
});

for (const [name, bytes] of [
  ['a stray line', 'Debugger attached.\n'],
  ['LF only', 'Content-Length: 2\n\n{}'],
  ['a negative length', 'Content-Length: -1\r\n\r\n'],
  ['a length of 2^53', 'Content-Length: 9007199254740992\r\n\r\n'],
  ['a body over 1 GiB', 'Content-Length: 1073741825\r\n\r\n'],
  ['the end of stdin inside a frame', 'Content-Length: 10\r\n\r\n{}'],
] as const) {
  test(`a stream that cannot be read on ends the session with code 1: ${name}`, async () => {
    const cli = await bench.startReady();
    cli.request(1, 'system.ping');
    cli.sendBytes(bytes);
    if (name.startsWith('the end')) cli.stdin.end();
    assert.equal((await cli.inbox.next()).id, 1, 'what came before is answered');
    assert.deepEqual(await cli.ended(), { code: 1, signal: null });
    assert.match(cli.stderr, /^connection ended, protocol-error: .*\n$/, 'one line says why');
  });
}

test('SIGTERM ends the server, with calls in flight and a client that reads nothing', async () => {
  const quiet = await bench.startReady();
  quiet.child.kill('SIGTERM');
  assert.equal((await quiet.ended()).code, 143);
  const stuck = await bench.startReady();
  stuck.stdout.pause();
  for (let id = 0; id < 20; id++) stuck.request(id, 'system.ping', { payload: 'x'.repeat(1_000_000) });
  const ended = stuck.ended();
  stuck.child.once('exit', () => stuck.stdout.resume());
  stuck.child.kill('SIGTERM');
  assert.equal((await ended).code, 143);
});

test('a client that stops reading ends the session', async () => {
  const cli = await bench.startReady();
  cli.stdout.destroy();
  cli.request(1, 'system.ping');
  assert.equal((await cli.ended()).code, 1);
});

test('a client that closes stderr keeps its session', async () => {
  const cli = await bench.startReady({ args: ['--debug'] });
  cli.child.stderr?.destroy();
  for (let id = 0; id < 5; id++) {
    cli.notify('unknown/notification');
    assert.equal((await cli.call(id, 'system.ping')).id, id);
  }
});

test('whatever writes to stdout in the server reaches stderr and breaks no frame', async () => {
  const noise = join(await bench.folder(), 'noise.mjs');
  await writeFile(
    noise,
    `const shout = () => { console.log('stray line'); process.stdout.write('stray write\\n'); };
     const { stringify } = JSON;
     // Loaded before the server; it shouts in the middle of its work.
     JSON.stringify = (...args) => { shout(); return stringify(...args); };`,
  );
  const cli = await bench.startReady({ nodeArgs: ['--import', pathToFileURL(noise).href] });
  for (let id = 0; id < 20; id++) assert.equal((await cli.call(id, 'system.ping')).id, id);
  cli.request(99, 'system.shutdown');
  assert.equal((await cli.inbox.next()).id, 99);
  assert.equal((await cli.ended()).code, 0);
  assert.match(cli.stderr, /stray line/);
  assert.match(cli.stderr, /stray write/);
});

test('a server whose parent is gone ends, though somebody still holds its stdin open', async () => {
  const folder = await bench.folder();
  const argv = [...CLI, 'ipc', '--account', 'local', '--state-dir', join(folder, 's')];
  const parent = spawn(
    process.execPath,
    [
      '-e',
      `const { pid } = require('node:child_process').spawn(process.execPath, ${JSON.stringify(argv)}, { stdio: 'inherit' });
       process.stderr.write(pid + '\\n');`,
    ],
    { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] },
  );
  // The pipes close when the server, which inherited them, is gone.
  const closed = new Promise<void>((resolve) => parent.once('close', () => resolve()));
  const pid = await within(
    'pid',
    new Promise<number>((resolve) => parent.stderr.once('data', (line) => resolve(Number(line)))),
  );
  try {
    const inbox = new Inbox(parent.stdout);
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: initializeParams });
    parent.stdin.write(`Content-Length: ${body.length}\r\n\r\n${body}`);
    assert.equal((await inbox.next()).id, 1);
    parent.kill('SIGKILL');
    await within('the end of the server', closed);
  } finally {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH');
    }
  }
});

test('wrong arguments are refused with exit code 2 and a line on stderr', async () => {
  for (const args of [
    ['--auth-token', 'secret'],
    ['--auth-fd', 'x'],
    ['--auth-fd', '0'],
    ['--auth-fd', '3', '--auth-stdin'],
    ['--max-body-bytes', '5'],
    ['--max-body-bytes', '1e9'],
    ['positional'],
  ]) {
    const cli = await bench.start({ args });
    assert.deepEqual(await cli.ended(), { code: 2, signal: null });
    assert.match(cli.stderr, /^error: .*\(invalid-option\)\n$/s);
    assert.doesNotMatch(cli.stderr, /secret/);
  }
});
