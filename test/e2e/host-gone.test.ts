import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { frame } from '../../src/transport/frame-writer.js';
import { BUILT_CLI, BUILT_LIBRARY } from '../support/built.js';
import { descendantsOf, untilGone } from '../support/process-tree.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const folder = temporaryFolder();

function floodProject(): string {
  const cwd = join(folder, 'p');
  mkdirSync(cwd, { recursive: true });
  const config = { name: 'p', main: 'i.js', compatibility_date: '2026-01-01', build: { command: 'yes' } };
  writeFileSync(join(cwd, 'wrangler.json'), JSON.stringify(config));
  return cwd;
}

test('a host that reads no more, in the middle of notifications, ends the CLI in words, and the build with it', async (t) => {
  const args = [BUILT_CLI, 'ipc', '--account', 'local', '--state-dir', join(folder, 's')];
  const cli = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  t.after(() => cli.kill('SIGKILL'));
  const stderr = cli.stderr.setEncoding('utf8').toArray();
  cli.stdin.on('error', () => undefined);
  const send = (message: object) => cli.stdin.write(frame(JSON.stringify({ jsonrpc: '2.0', ...message })));
  send({
    id: 1,
    method: 'initialize',
    params: { protocolVersion: 1, client: { name: 't', version: '1' }, processId: null },
  });
  send({ method: 'initialized', params: {} });
  send({ id: 2, method: 'dashboard.deployWorker', params: { cwd: floodProject(), dryRun: true } });
  let read = '';
  for await (const chunk of cli.stdout) {
    read += chunk;
    if (read.includes('"message":"y"')) break;
  }
  const pids = descendantsOf(cli.pid as number).map(({ pid }) => pid);
  // The loop has closed this end of its stdout; its stdin stays open.
  const [code] = await once(cli, 'exit');
  assert.equal(code, 1);
  assert.match((await stderr).join(''), /^connection ended, output-failed: write EPIPE\n$/);
  await untilGone(pids);
});

test("a host whose own stderr is gone is not ended by the library's debug output", async () => {
  const script = `
    const { TauriSidecar } = await import(${JSON.stringify(BUILT_LIBRARY)});
    process.stdin.resume();
    await new Promise((resolve) => process.stdin.once('end', resolve));
    const sidecar = new TauriSidecar({ account: 'local', stateDir: ${JSON.stringify(join(folder, 'd'))}, debug: true });
    await sidecar.start();
    await sidecar.call('system.ping');
    await sidecar.stop();
    console.log('stopped');`;
  const host = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'pipe' });
  host.stderr.destroy();
  await once(host.stderr, 'close');
  host.stdin.end();
  const [stdout] = await Promise.all([host.stdout.setEncoding('utf8').toArray(), once(host, 'exit')]);
  assert.equal(stdout.join(''), 'stopped\n');
});
