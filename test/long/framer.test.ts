// The framer against bytes at random, in a process of its own. FUZZ_SEED replays a run.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { ROOT } from '../support/built.js';
import { judgesTimes, record, scaled } from '../support/figures.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const folder = temporaryFolder();

test('bytes at random neither crash the framer nor lose a stream in silence, and cost little', async () => {
  const program = join(folder, 'fuzz.mjs');
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['test/support/framer-fuzz.ts'],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
  });
  const [frames, flips] = [scaled(1_000_000), scaled(100_000)];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [
    program,
    ...[frames, flips, seed].map(String),
  ]);
  const found = JSON.parse(stdout);
  const { crashes, silentlyLost, wrong, altered, worstMs, rssMiB, garbageMs, bytewiseMs } = found;
  record({
    test: `framer: ${frames} frames fuzzed, ${flips} byte flips, seed ${seed}`,
    goal: '0 crashes, 0 silently lost streams, RSS <= 128 MiB',
    reached: `${crashes}, ${silentlyLost}, ${rssMiB.toFixed(0)} MiB; worst session ${worstMs.toFixed(0)} ms; ${altered} flips inside a body told nothing`,
  });
  record({
    test: 'framer: 64 MiB of garbage; 1 MiB in single bytes',
    goal: '<= 50 ms; <= 100 ms',
    reached: `${garbageMs.toFixed(1)} ms; ${bytewiseMs.toFixed(1)} ms`,
  });
  assert.deepEqual(
    { crashes, silentlyLost, wrong, stderr },
    { crashes: 0, silentlyLost: 0, wrong: 0, stderr: '' },
  );
  assert.ok(rssMiB <= 5 * 128);
  if (judgesTimes) assert.ok(garbageMs <= 5 * 50 && bytewiseMs <= 5 * 100);
});
