import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from 'vscode-jsonrpc/node';
import { endChild } from '../peers/child.js';
import { probe } from './probe.js';

const CLI = fileURLToPath(new URL('dist/src/cli.cjs', import.meta.resolve('fluorite-flake/package.json')));

/** The CLI spoken to directly, without the library: the child's share of a sidecar's start. */
await probe({ start }, () => Promise.resolve());

async function start() {
  const stateDir = await mkdtemp(join(tmpdir(), 'fluorite-bench-'));
  const child = spawn(process.execPath, [CLI, 'ipc', '--account', 'local', '--state-dir', stateDir], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const connection = createMessageConnection(
    new StreamMessageReader(child.stdout),
    new StreamMessageWriter(child.stdin),
  );
  connection.listen();
  await connection.sendRequest('initialize', {
    protocolVersion: 1,
    client: { name: 'bench', version: '0' },
    processId: process.pid,
  });
  await connection.sendNotification('initialized', {});
  return {
    call: (method: string, params: unknown) => connection.sendRequest(method, params),
    async close() {
      connection.dispose();
      await endChild(child);
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}
