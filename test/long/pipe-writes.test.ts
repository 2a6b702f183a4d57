// Every write to a pipe failing in turn, over the whole of a session: the library's to the CLI, and the CLI's to the
// library. Under virtual time, so that a pipe which takes nothing more costs none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PipeName, WRITE_FAULTS, type WriteFault } from '../support/fault-child.js';
import { type Step, totals, violationsOf } from '../support/fault-schedule.js';
import { record, sampled } from '../support/figures.js';

/** Each kind of message, idle times with their heartbeats, a restart; at the end all of it is there once more. */
const SESSION: readonly Step[] = [
  { do: 'pass', ms: 50 },
  { do: 'ping', takesMs: 0 },
  { do: 'create', takesMs: 0 },
  { do: 'pass', ms: 20 },
  { do: 'tail' },
  { do: 'pass', ms: 200 },
  { do: 'create', takesMs: 100 },
  { do: 'ping', takesMs: 100 },
  { do: 'pass', ms: 50 },
  { do: 'abort' },
  { do: 'leave-tail' },
  { do: 'pass', ms: 5000 },
  { do: 'restart' },
  { do: 'ping', takesMs: 7, timeoutMs: 20_000 },
  { do: 'pass', ms: 50 },
  { do: 'create', takesMs: 7 },
  { do: 'pass', ms: 60_000 },
  { do: 'ping', takesMs: 0 },
  { do: 'create', takesMs: 0 },
  { do: 'pass', ms: 1000 },
];

interface Failing {
  pipe: PipeName;
  nth: number;
  fault: WriteFault;
}

async function runSession(failing?: Failing) {
  const writes = { stdin: 0, stdout: 0 };
  const violations = await violationsOf(
    {
      births: [],
      latencyMs: 0,
      restartDelay: 1,
      maxRestarts: 3,
      autoRestart: true,
      onWrite: (pipe) => {
        writes[pipe]++;
        return failing?.pipe === pipe && failing.nth === writes[pipe] ? failing.fault : undefined;
      },
    },
    SESSION,
  );
  return { writes, violations };
}

test('every write to a pipe failing in turn loses, doubles and hangs no call, and leaves no child', async () => {
  const { writes, violations } = await runSession();
  assert.deepEqual(violations, []);
  assert.ok(writes.stdin > 20 && writes.stdout > 20, JSON.stringify(writes));
  const every = (['stdin', 'stdout'] as const).flatMap((pipe) =>
    Array.from({ length: writes[pipe] }, (_, index) => index + 1).flatMap((nth) =>
      WRITE_FAULTS.map((fault) => ({ pipe, nth, fault })),
    ),
  );
  const cases = sampled(every);
  const before = { ...totals };
  for (const failing of cases) {
    const run = await runSession(failing);
    const { pipe, nth, fault } = failing;
    assert.ok(run.writes[pipe] >= nth);
    assert.deepEqual(run.violations, [], `write ${nth} to ${pipe}, ${fault}`);
  }
  const [calls, errors] = [totals.calls - before.calls, totals.errors - before.errors];
  record({
    test: `every Nth write to stdin (${writes.stdin}) and stdout (${writes.stdout}) failing in turn, ${cases.length}: ${WRITE_FAULTS.join(', ')}`,
    goal: 'a typed error or a recovery each',
    reached: `${calls} calls: ${errors} typed errors, ${calls - errors} answered; 0 lost, doubled or hung, 0 children left`,
  });
  // The session goes on behind each: most calls are answered.
  assert.ok(errors < calls / 4, `${errors} of ${calls}`);
});
