import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goalList } from '../../bench/goal-list.js';
import { type Goal, goalResults } from '../../bench/goals.js';
import { caseResult, type ScenarioResult } from '../../bench/results.js';
import { scenarios } from '../../bench/scenarios/index.js';

const metrics = [
  { key: 'speed', label: 'calls/s', better: 'higher' },
  { key: 'idle', label: 'idle', better: 'lower' },
] as const;
const samples = new Map([
  ['stock', [10, 20].map((speed) => ({ speed, idle: 1 }))],
  ['ours', [30, 80].map((speed) => ({ speed, idle: 20 }))],
]);
const one = caseResult({ name: '16', payload: '', concurrency: 1, settings: {} }, metrics, samples, 'stock');
const measured: ScenarioResult = {
  name: 'calls',
  title: '',
  about: '',
  metrics,
  reference: 'stock',
  cases: [one],
};
const base = { what: 'w', scenario: 'calls', case: '16', row: 'ours', metric: 'speed', unit: 'x' };
const resultOf = (goal: Partial<Goal>) => goalResults([{ ...base, ...goal }], [measured])[0];

test('a goal is a median, a ratio taken round by round, or what is above another metric', () => {
  assert.equal(resultOf({ atLeast: 50 })?.figure, 55);
  assert.equal(resultOf({ to: { row: 'stock' }, atLeast: 3 })?.figure, 3.5);
  assert.equal(resultOf({ to: { metric: 'idle' }, atLeast: 3 })?.figure, 2.75);
  assert.equal(resultOf({ above: 'idle', atMost: 40 })?.figure, 35);
});

test('a goal is reached at its limit and not past it', () => {
  assert.equal(resultOf({ atLeast: 55 })?.reached, true);
  assert.equal(resultOf({ atLeast: 56 })?.reached, false);
  assert.equal(resultOf({ atMost: 55 })?.reached, true);
  assert.equal(resultOf({ atMost: 54 })?.reached, false);
});

test('what a run did not measure is neither reached nor missed, and other scenarios are not mentioned', () => {
  assert.deepEqual(resultOf({ case: '64', atLeast: 1 }), {
    what: 'w',
    goal: '>= 1x',
    figure: null,
    unit: 'x',
    reached: null,
  });
  assert.equal(resultOf({ scenario: 'latency' }), undefined);
});

test('every goal names a scenario, a case, rows and metrics that exist', () => {
  for (const goal of goalList) {
    const scenario = scenarios.find(({ name }) => name === goal.scenario);
    assert.ok(scenario, goal.what);
    assert.ok(
      scenario.cases.some(({ name }) => name === goal.case),
      goal.what,
    );
    for (const row of [goal.row, goal.to?.row ?? goal.row])
      assert.ok(scenario.peers.includes(row), goal.what);
    for (const metric of [goal.metric, goal.to?.metric ?? goal.metric, goal.above ?? goal.metric])
      assert.ok(
        scenario.metrics.some(({ key }) => key === metric),
        goal.what,
      );
  }
});
