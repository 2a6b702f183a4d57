import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ProgressReports } from '../../src/server/progress-reports.js';
import { VirtualClock } from '../support/fault-clock.js';

type Progress = Parameters<ProgressReports['report']>[0];

function underClock(t: TestContext) {
  const clock = new VirtualClock();
  clock.install();
  t.after(() => clock.uninstall());
  const seen: Progress[] = [];
  const pipe = { isIdle: true };
  const reports = new ProgressReports({ send: (value) => seen.push(value), isIdle: () => pipe.isIdle });
  const lineCount = () => seen.reduce((sum, { merged = 0 }) => sum + merged + 1, 0);
  return { clock, seen, pipe, reports, lineCount };
}

test('a few reports leave at once, each by itself', (t) => {
  const { seen, reports } = underClock(t);
  for (let n = 0; n < 50; n++) reports.report({ message: `line ${n}`, percentage: n });
  assert.deepEqual(
    seen,
    Array.from({ length: 50 }, (_, n) => ({ message: `line ${n}`, percentage: n })),
  );
});

test('of a flood the newest leaves ten times a second, and every other one is counted', async (t) => {
  const { clock, seen, reports, lineCount } = underClock(t);
  for (let second = 0; second < 10; second++) {
    for (let n = 0; n < 40_000; n++) reports.report({ message: `line ${second * 40_000 + n}` });
    await clock.advance(1000);
  }
  assert.ok(seen.length <= 150, `${seen.length} left`);
  reports.report({ message: 'the last' });
  reports.end();
  assert.equal(seen.at(-1)?.message, 'the last');
  assert.equal(lineCount(), 400_001);
  assert.equal(clock.pending, 0);
});

test('while the client takes nothing one report is kept, the newest', async (t) => {
  const { clock, seen, pipe, reports, lineCount } = underClock(t);
  pipe.isIdle = false;
  for (let n = 0; n < 1000; n++) reports.report({ message: `line ${n}` });
  await clock.advance(60_000);
  assert.deepEqual(seen, []);
  pipe.isIdle = true;
  await clock.advance(100);
  assert.deepEqual(seen, [{ message: 'line 999', merged: 999 }]);
  assert.equal(lineCount(), 1000);
  reports.end();
  reports.end();
  assert.equal(seen.length, 1);
});
