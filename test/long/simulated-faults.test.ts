// Schedules of faults at random, under virtual time. FUZZ_SEED replays a run.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SidecarState } from '../../bridge/state.js';
import { VirtualClock } from '../support/fault-clock.js';
import { FAULTS, type Step, totals, violationsOf } from '../support/fault-schedule.js';
import { type Birth, World, type WorldOptions } from '../support/fault-world.js';
import { record, scaled } from '../support/figures.js';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
console.log(`# seed ${seed} (FUZZ_SEED=${seed} replays it)`);

const takesMs = fc.constantFrom(0, 1, 7, 100, 900);
const timeoutMs = fc.option(fc.constantFrom(1, 50, 3000, 20_000), { nil: undefined });
const ms = fc.oneof(
  { weight: 14, arbitrary: fc.integer({ min: 0, max: 30 }) },
  { weight: 5, arbitrary: fc.integer({ min: 31, max: 3000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 3001, max: 70_000 }) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('ping', 'create'), takesMs, timeoutMs }) as fc.Arbitrary<Step>,
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass'), ms }) as fc.Arbitrary<Step> },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('fault'),
      fault: fc.constantFrom(...FAULTS),
    }) as fc.Arbitrary<Step>,
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('start', 'start', 'stop', 'restart', 'tail', 'leave-tail', 'abort', 'shutdown'),
    }) as fc.Arbitrary<Step>,
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sleep'), ms }) as fc.Arbitrary<Step> },
);
const birth: fc.Arbitrary<Birth> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Birth>('well') },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Birth>('slow', 'mute', 'exits', 'noise', 'wrong-token', 'unspawned'),
  },
);
const options: fc.Arbitrary<WorldOptions> = fc.record({
  births: fc.array(birth, { maxLength: 8 }),
  latencyMs: fc.constantFrom(0, 0, 1, 5),
  restartDelay: fc.constantFrom(0, 1, 100, 5000),
  maxRestarts: fc.constantFrom(0, 1, 3, 5),
  autoRestart: fc.constantFrom(true, true, true, false),
});

test('no schedule of faults loses, doubles or hangs a call, takes an illegal way or makes two children', async () => {
  const numRuns = scaled(20_000);
  const startedMs = performance.now();
  await fc.assert(
    fc.asyncProperty(
      options,
      fc.array(step, { minLength: 4, maxLength: 30, size: 'max' }),
      async (worldOptions, steps) => {
        assert.deepEqual(await violationsOf(worldOptions, steps), []);
      },
    ),
    { seed, numRuns, includeErrorInReport: true },
  );
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  record({
    test: `simulated fault schedules, ${numRuns}, seed ${seed}`,
    goal: '0 lost, doubled or hung calls, 0 illegal transitions, never two children',
    reached: `0, 0, never; ${totals.calls} calls, ${totals.faults} faults, ${totals.restarts} restarts, ${totals.indeterminate} indeterminate, ${seconds} s`,
  });
});

test('a healthy minute clears the count of restarts, and a slept one does not', async () => {
  for (const slept of [false, true]) {
    const clock = new VirtualClock();
    clock.install();
    const world = new World({ births: [], latencyMs: 0, restartDelay: 1, maxRestarts: 1, autoRestart: true });
    try {
      void world.supervision.start();
      await clock.advance(10);
      for (let i = 0; i < 3; i++) {
        if (slept) await clock.leap(65_000);
        else await clock.advance(65_000);
        world.child?.exit(1, null);
        await clock.advance(1000);
      }
      assert.equal(world.state, slept ? SidecarState.ERROR : SidecarState.RUNNING);
      void world.supervision.stop();
      await clock.advance(6500);
    } finally {
      clock.uninstall();
    }
  }
});

test('a child that is stopped is replaced, and one that is busy for a while is not', async () => {
  for (const activity of ['stopped', 'running'] as const) {
    const clock = new VirtualClock();
    clock.install();
    const world = new World({ births: [], latencyMs: 0, restartDelay: 1, maxRestarts: 1, autoRestart: true });
    try {
      void world.supervision.start();
      await clock.advance(10);
      const { child } = world;
      child?.freeze(activity);
      await clock.advance(15_000);
      assert.equal(child?.isAlive, activity === 'running');
      child?.thaw();
      await clock.advance(60_000);
      assert.equal(world.children.length, activity === 'running' ? 1 : 2);
      assert.equal(world.state, SidecarState.RUNNING);
      void world.supervision.stop();
      await clock.advance(6500);
    } finally {
      clock.uninstall();
    }
  }
});
