import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, pairedRatio, percentile, summarise } from '../../bench/stats.js';

test('the median is the middle value, or the mean of the two in the middle, in any order', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([7]), 7);
});

test('a figure of no values is NaN and never a number', () => {
  assert.ok(Number.isNaN(median([])));
  assert.ok(Number.isNaN(percentile([], 99)));
  assert.ok(Number.isNaN(pairedRatio([1], [])));
});

test('percentiles interpolate between ranks and leave their input as it was', () => {
  const values = [40, 10, 30, 20];
  assert.equal(percentile(values, 0), 10);
  assert.equal(percentile(values, 100), 40);
  assert.equal(percentile(values, 50), 25);
  assert.ok(Math.abs(percentile(values, 99) - 39.7) < 1e-9);
  assert.deepEqual(values, [40, 10, 30, 20]);
});

test('numbers sort as numbers and not as text', () => {
  assert.equal(median([100, 9, 20]), 20);
});

test('a ratio is taken round by round, so that one slow round of both sides does not count', () => {
  assert.equal(pairedRatio([20, 2, 20], [10, 1, 10]), 2);
  assert.equal(pairedRatio([20, 20], [10, 0]), 2);
});

test('a summary states the spread and how many runs it comes from', () => {
  assert.deepEqual(summarise([3, 1, 2]), { median: 2, min: 1, max: 3, runs: 3 });
});
