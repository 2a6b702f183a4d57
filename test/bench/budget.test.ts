import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allot, fitsAnother, RUN_SECONDS } from '../../bench/budget.js';
import { scenarios } from '../../bench/scenarios/index.js';

test('a scenario gets what it asks for while there is enough, and its share of what is left otherwise', () => {
  assert.equal(allot([10, 20, 30], 100), 10);
  assert.equal(allot([10, 20, 30], 30), 5);
  assert.equal(allot([10], -5), 0);
});

test('rounds are made while one as long as the longest fits, and there is always a first', () => {
  assert.ok(fitsAnother([], 5000, 0));
  assert.ok(fitsAnother([100, 300], 700, 1000));
  assert.ok(!fitsAnother([300, 100], 701, 1000));
});

test('what all scenarios ask for fits a whole run, with a few seconds for building', () => {
  for (const mode of ['full', 'quick'] as const) {
    const asked = scenarios.reduce((sum, { seconds }) => sum + seconds[mode], 0);
    assert.ok(asked <= RUN_SECONDS[mode] - 4, `${mode}: ${asked} s`);
  }
});
