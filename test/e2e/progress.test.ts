import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BUILT_LIBRARY } from '../support/built.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const { TauriSidecar } = (await import(BUILT_LIBRARY)) as typeof import('../../bridge/index.js');
const folder = temporaryFolder();

test('a build that prints without end sends few reports, counts the rest, and the last one comes first', async (t) => {
  const lines = 200_000;
  const cwd = join(folder, 'p');
  mkdirSync(cwd);
  const build = { command: `seq ${lines}` };
  const config = { name: 'p', main: 'index.js', compatibility_date: '2026-01-01', build };
  writeFileSync(join(cwd, 'wrangler.json'), JSON.stringify(config));
  writeFileSync(join(cwd, 'index.js'), 'export default { fetch: () => new Response() };');
  const sidecar = new TauriSidecar({ account: 'local', stateDir: join(folder, 's') });
  t.after(() => sidecar.stop());
  await sidecar.start();
  const seen: { message: string; merged?: number }[] = [];
  const startMs = performance.now();
  await sidecar.call(
    'dashboard.deployWorker',
    { cwd, dryRun: true },
    { onProgress: (value) => seen.push(value) },
  );
  const allowed = 60 + (performance.now() - startMs) / 100;
  const before = seen.length;
  assert.ok(before <= allowed, `${before} reports, not ${Math.round(allowed)}`);
  const told = seen.reduce((sum, { merged = 0 }) => sum + merged + 1, 0);
  // The build's lines, and that it runs, and that the entry is bundled.
  assert.equal(told, lines + 2);
  assert.match(seen.at(-1)?.message ?? '', /^Bundling /);
});
