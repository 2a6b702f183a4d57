import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { RunResults } from '../../bench/results.js';
import { HANG_MS } from '../support/until.js';

const run = promisify(execFile);
const BENCH = fileURLToPath(new URL('../../bench/run.ts', import.meta.url));

function bench(...args: string[]) {
  return run(process.execPath, ['--import', 'tsx', BENCH, ...args], { timeout: HANG_MS });
}

test('a run writes its figures, with the machine and the ratio to the reference', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bench-run-'));
  try {
    const file = join(folder, 'results.json');
    const { stdout, stderr } = await bench(
      '--quick',
      '--filter',
      'latency',
      '--peer',
      'newline',
      '--json',
      file,
    );
    assert.match(stdout, /floor: newline JSON/);
    assert.match(stderr, /latency: 1 in flight, round 1 of at most 2/);
    const results = JSON.parse(await readFile(file, 'utf8')) as RunResults;
    assert.equal(results.machine.node, process.version);
    const peers = results.scenarios[0]?.cases[0]?.peers ?? [];
    assert.deepEqual(
      peers.map((peer) => peer.name),
      ['vscode-jsonrpc', 'floor: newline JSON'],
    );
    assert.equal(peers[0]?.figures.callsPerSecond?.ratio, 1);
    // As many rounds as fit the time, and at least one.
    assert.ok((peers[1]?.figures.callsPerSecond?.values.length ?? 0) >= 1);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a filter that matches no scenario, or an unknown option, fails with the usage', async () => {
  for (const args of [['--filter', 'nothing-of-this-name'], ['--no-such-option']]) {
    await assert.rejects(bench(...args), (error: Error & { code: number; stderr: string }) => {
      assert.equal(error.code, 1);
      assert.match(error.stderr, /npm run bench -- \[options\]/);
      return true;
    });
  }
});

test('the list names every scenario and every peer', async () => {
  const { stdout } = await bench('--list');
  for (const name of ['calls', 'tail-flood', 'cold-start', 'sidecar.remote.call', 'kkrpc', 'birpc']) {
    assert.match(stdout, new RegExp(`^ *${name.replaceAll('.', '\\.')} `, 'm'));
  }
});
