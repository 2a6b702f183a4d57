import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { resultOf, startCli } from '../commands/run-cli.js';
import { ROOT } from '../support/built.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const TOKEN = 'check-token-of-the-test';

// No Cloudflare can be reached from a test. The local account's API stands in for it: as far as the check is concerned
// it is a cloud account without workers.dev.
test('the check against Cloudflare makes, uses and deletes what is its own', async (t) => {
  const folder = temporaryFolder();
  const env = { CLOUDFLARE_API_TOKEN: TOKEN, FLUORITE_FLAKE_HOME: join(folder, 'home') };
  const api = startCli(['local', 'api', '--port', '0', '--json'], { env });
  const ended = resultOf(api);
  t.after(async () => {
    api.kill('SIGTERM');
    await ended;
  });
  const [line] = (await once(api.stdout as Readable, 'data')) as [string];
  const { env: told } = JSON.parse(line) as { env: Record<string, string> };

  const check = ['--import', 'tsx', join(ROOT, 'test/cloud/check.ts')];
  const { code, stdout, stderr } = await resultOf(
    spawn(process.execPath, check, { env: { ...process.env, ...env, ...told } }),
  );
  assert.equal(code, 0, stdout + stderr);
  const rows = stdout.split('\n').filter((row) => row.startsWith('| ') && row.endsWith(' |'));
  assert.equal(rows.length, 12, stdout);
  assert.deepEqual(
    rows.filter((row) => row.includes('skipped')).map((row) => row.split('|')[1]?.trim()),
    ['it is tailed while it answers'],
  );
  assert.ok(!`${stdout}${stderr}`.includes(TOKEN));
});
