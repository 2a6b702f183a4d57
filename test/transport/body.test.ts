import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as body from '../../src/transport/body.js';
import { bodyText, parseJson } from '../../src/transport/body.js';
import { FrameError } from '../../src/transport/frame-error.js';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
console.log(`# seed ${seed} (FUZZ_SEED=${seed} replays it)`);

function isDeeperThan(json: string, maxDepth: number): boolean {
  const bytes = Buffer.from(json);
  return body.isDeeperThan(bytes, 0, bytes.length, maxDepth);
}

function checkDepth(json: string, maxDepth: number): void {
  const bytes = Buffer.from(json);
  body.checkDepth(bytes, 0, bytes.length, maxDepth);
}

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

test('the depth of JSON text is that of its value, whatever brackets and escapes its strings hold', () => {
  fc.assert(
    fc.property(value, fc.nat(14), fc.boolean(), (sample, maxDepth, spaced) => {
      const json = JSON.stringify(sample, null, spaced ? 1 : 0);
      assert.equal(isDeeperThan(json, maxDepth), depthOf(sample) > maxDepth);
    }),
    { seed, numRuns: 5000 },
  );
});

test('brackets in strings do not count, and a quote behind an even number of backslashes ends a string', () => {
  const brackets = '[{'.repeat(500);
  assert.equal(isDeeperThan(JSON.stringify({ a: brackets }), 1), false);
  assert.equal(isDeeperThan(JSON.stringify([`\\`, brackets]), 1), false);
  assert.equal(isDeeperThan(JSON.stringify([`\\"`, brackets, `"${brackets}\\`]), 1), false);
  assert.equal(isDeeperThan(`["\\\\",${'['.repeat(9)}${']'.repeat(9)}]`, 9), true);
  assert.equal(isDeeperThan(`["\\\\",${'['.repeat(9)}${']'.repeat(9)}]`, 10), false);
});

test('exactly the limit passes, one level more is a fault', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  checkDepth(nested(256), 256);
  assert.throws(() => checkDepth(nested(257), 256), { fault: 'depth-exceeded' });
  assert.throws(() => checkDepth(nested(100_000), 256), { fault: 'depth-exceeded' });
});

test('a long body of brackets and backslashes is judged in linear time', () => {
  const startMs = performance.now();
  for (const part of ['[],', '"\\\\\\"",', '"[",', '{},']) {
    isDeeperThan(`[${part.repeat(1_000_000)}0]`, 256);
  }
  isDeeperThan(`[${'[],'.repeat(300)}"${'\\'.repeat(2_000_000)}"]`, 256);
  assert.ok(performance.now() - startMs < 5000);
});

test('a body that is not UTF-8 is a fault, and UTF-8 in any form is text', () => {
  const read = (bytes: number[]) => bodyText(Buffer.from(bytes), 0, bytes.length);
  for (const bytes of [
    [0xff],
    [0xc3],
    [0xc3, 0x28],
    [0xe2, 0x82],
    // An overlong slash, a lone surrogate, a point past the last one.
    [0xc0, 0xaf],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
  ]) {
    assert.throws(() => read(bytes), { fault: 'encoding-invalid' });
  }
  const written = 'é€𝄞\u0000\ufeff';
  assert.equal(read([...Buffer.from(written)]), written);
});

test('text that was decoded already is cut, not decoded again', () => {
  assert.equal(bodyText(Buffer.from('xx{}xx'), 2, 4, 'xx{}xx'), '{}');
  assert.equal(bodyText(Buffer.from('xx{}xx'), 2, 4), '{}');
});

test('what is not JSON is a fault, a BOM included', () => {
  for (const body of [
    '',
    ' ',
    '{',
    '{}{}',
    '\ufeff{}',
    "{'a':1}",
    'undefined',
    'NaN',
    '{"a":01}',
    '[1,]',
    '//',
  ]) {
    assert.throws(
      () => parseJson(body),
      (error) => error instanceof FrameError && error.fault === 'json-invalid',
    );
  }
  assert.deepEqual(parseJson(' {"a":[1]} '), { a: [1] });
});
