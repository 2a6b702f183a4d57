import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { SidecarOptions } from '../../bridge/index.js';
import { built, scenarioCli, temporaryFolder, until, untilGone } from '../support/scenario.js';
import { HANG_MS, within } from '../support/until.js';

const HOST = fileURLToPath(new URL('../support/scenario-host.js', import.meta.url));
/** What `npm run build` made; the real CLI is its default. */
const DIST = fileURLToPath(new URL('../../dist/bridge/index.js', import.meta.url));

interface Ended {
  code: number | null;
  signal: string | null;
  stdout: string[];
  stderr: string;
}

/** Runs a host to its end, and waits for the one of its child. */
async function runHost(way: string, door: string, options: SidecarOptions): Promise<Ended> {
  const host = spawn(process.execPath, [HOST, way, door, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  host.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  host.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const [code, signal] = await within('the end of the host', once(host, 'exit'));
  if (host.stdout.readable) await once(host, 'close');
  const lines = stdout.trim().split('\n');
  assert.match(lines[0] ?? '', /^\d+$/, stderr);
  await untilGone(Number(lines[0]));
  return { code, signal, stdout: lines, stderr };
}

async function scenarioOptions(t: TestContext): Promise<SidecarOptions> {
  return {
    cliPath: scenarioCli,
    restartDelay: 10 * HANG_MS,
    env: { SCENARIO_FOLDER: await temporaryFolder(t) },
  };
}

for (const [way, expected] of [
  ['exit', { code: 3, signal: null }],
  ['throw', { code: 1, signal: null }],
  ['kill', { code: null, signal: 'SIGKILL' }],
  ['stop', { code: 0, signal: null }],
] as const) {
  test(`built: a host that ends by ${way} leaves no child`, async (t) => {
    const stateDir = await temporaryFolder(t);
    const { code, signal, stderr } = await runHost(way, DIST, { account: 'local', stateDir });
    assert.deepEqual({ code, signal }, expected, stderr);
  });
}

test('after stop() during the backoff nothing keeps the host alive', async (t) => {
  const { code, stdout, stderr } = await runHost(
    'stop-in-backoff',
    join(built, 'bridge/index.js'),
    await scenarioOptions(t),
  );
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout[1] ?? ''), []);
});

test('an error without a listener is a warning of the host, which goes on and may end', async (t) => {
  const options = { ...(await scenarioOptions(t)), autoRestart: false };
  const { code, stdout, stderr } = await runHost('error', join(built, 'bridge/index.js'), options);
  assert.equal(code, 0, stderr);
  assert.equal(stdout[1], 'error');
  assert.match(stderr, /FluoriteFlakeWarning: The CLI ended unasked, with signal SIGKILL/);
});

test('what the CLI answered while the whole host was stopped is no timeout, in neither thread', async (t) => {
  const options = await scenarioOptions(t);
  const folder = options.env?.SCENARIO_FOLDER as string;
  const host = spawn(
    process.execPath,
    [HOST, 'paused', join(built, 'bridge/index.js'), JSON.stringify(options)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  t.after(() => host.kill('SIGKILL'));
  const stdout = host.stdout.setEncoding('utf8').toArray();
  let timeoutMs: string | undefined;
  await until('both answers', async () => {
    const notes = await readFile(join(folder, 'notes'), 'utf8').catch(() => '');
    timeoutMs = /^answered (\d+)$/m.exec(notes)?.[1];
    return timeoutMs !== undefined;
  });
  await sleep(2 * Number(timeoutMs));
  host.kill('SIGCONT');
  assert.match((await stdout).join(''), /\nfulfilled,fulfilled\n$/);
});
