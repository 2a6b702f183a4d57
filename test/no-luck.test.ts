import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));

/** What waits for real time, or looks at how much of it has passed. */
const REAL_TIME =
  /\bsetTimeout\(|timers\/promises|\bperformance\.now\b|\bhrtime\b|AbortSignal\.timeout\(|monitorEventLoopDelay/;

/**
 * The files that may, each with why no busy machine can fail a test by it. Any other waits with `until` or `within` of
 * test/support/until.ts for what happens, and turns the clock of test/support/fault-clock.ts where time must pass.
 */
const ALLOWED: Readonly<Record<string, string>> = {
  'support/until.ts': 'the one limit that tells a hang',
  'support/fault-clock.ts': 'the clock that is turned by hand',
  'support/fault-child.ts': 'runs under that clock',
  'support/fault-schedule.ts': 'runs under that clock',
  'support/local-use.ts': 'tells a hang',
  'support/scenario-cli.ts': 'a child that takes its time; nothing asks how long',
  'support/scenario-host.js': 'a host that fails outside of any call',
  'support/fault-cli.ts': 'a child that takes its time; nothing asks how long',
  'support/worker-project.ts': 'a Worker that takes its time; nothing asks how long',
  'support/framer-fuzz.ts': 'figures, judged in the long run alone',
  'support/flood-host.ts': 'a host that blocks; figures, judged in the long run alone',
  'long/no-orphans.test.ts': 'figures, not judged',
  'long/process-faults.test.ts': 'figures, judged in the long run alone',
  'long/simulated-faults.test.ts': 'figures, not judged',
  'long/threads.test.ts': 'figures, judged in the long run alone',
  'long/state.test.ts': 'a kill at any moment',
  'accounts/local/owner-process.ts': 'a number that no other process has',
  'accounts/local/sharing-process.ts': 'a Worker that never answers',
  'bench/payload.test.ts': 'a rate that is not exceeded: slower is right too',
  'bridge/call-stack.test.ts': 'limits that are over at any moment',
  'bridge/calls.test.ts': 'a thread that is blocked for longer than its limits: still longer is right too',
  'bridge/host-end.test.ts': 'a host that is stopped for longer than its limits: still longer is right too',
  'bridge/supervision.test.ts': 'leaps that are added to the real clock',
  'bridge/tail-ends.test.ts': 'a signal that aborts at any moment',
  'cloud/check.ts': 'runs against Cloudflare, by a command of its own',
  'commands/run-cli.ts': 'tells a hang',
  'conformance/wrangler.ts': 'tells a hang',
  'lib/time.test.ts': 'a thread that is blocked for longer than its limits: still longer is right too',
  'e2e/progress.test.ts': 'a rate that is not exceeded: slower is right too',
  'server/stock-client.test.ts': 'a Worker that does not answer before it is cancelled',
};

/** Comments may speak of it. */
const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');

test('no test depends on how fast the machine is: real time is used where it is allowed, with a reason', () => {
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter(
      (file) => /\.(ts|js|mjs|cjs)$/.test(file) && !/(^|\/)(fixtures|reference|node_modules)\//.test(file),
    )
    .filter((file) => file !== 'run.js' && file !== 'no-luck.test.ts')
    .filter((file) => REAL_TIME.test(withoutComments(readFileSync(folder + file, 'utf8'))));
  assert.deepEqual(found.sort(), Object.keys(ALLOWED).sort());
});
