import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isDeeperThan, isTextDeeperThan } from '../../src/protocol/depth.js';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
console.log(`# seed ${seed} (FUZZ_SEED=${seed} replays it)`);

/** How deep a value nests; a scalar is at level 0. */
function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

const text = fc.string({
  unit: fc.constantFrom('"', '\\', '[', ']', '{', '}', 'a', '\n', 'é', '𝄞', ','),
  maxLength: 12,
});
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 12, withCrossShrink: true },
    fc.oneof(text, fc.integer(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(text, tie('value'), { maxKeys: 3 }),
  ),
}));

test('the depth of a value and of its text is told, whatever its strings hold', () => {
  fc.assert(
    fc.property(value, fc.nat(14), fc.boolean(), (sample, levels, spaced) => {
      const isDeeper = depthOf(sample) > levels;
      assert.equal(isDeeperThan(sample, levels), isDeeper);
      assert.equal(isTextDeeperThan(JSON.stringify(sample, null, spaced ? 1 : 0), levels), isDeeper);
    }),
    { seed, numRuns: 3000 },
  );
});

test('exactly the limit passes, one level more does not, and no depth is too much to be judged', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  for (const [depth, isDeeper] of [
    [256, false],
    [257, true],
    [1_000_000, true],
  ] as const) {
    assert.equal(isTextDeeperThan(nested(depth), 256), isDeeper);
    assert.equal(isDeeperThan(JSON.parse(nested(depth)), 256), isDeeper);
  }
});

test('what refers to itself is deeper than any limit, and text that is no JSON counts as such', () => {
  const self: { self?: unknown } = {};
  self.self = [self];
  assert.equal(isDeeperThan(self, 1000), true);
  assert.equal(isTextDeeperThan('['.repeat(1000), 256), true);
  assert.equal(isTextDeeperThan('nonsense', 0), false);
});
