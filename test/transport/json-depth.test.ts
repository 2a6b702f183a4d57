import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import fc from 'fast-check';
import { isDeeperBytewise, isDeeperThan } from '../../src/transport/json-depth.js';

const SOURCES = fileURLToPath(new URL('../../src/transport', import.meta.url));
const COMPILE: string = new URL('../../scripts/write-json-depth.js', import.meta.url).href;
/** The scanner's block and its page, with what is needed for a text to reach it at all. */
const BLOCK = 64;
const PAGE = 64 * 1024;
const SHORTEST = 512;

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
console.log(`# seed ${seed} (FUZZ_SEED=${seed} replays it)`);

/** Judged by both ways, with `before` bytes of white space in front. They must agree. */
function isDeeper(json: string, maxDepth: number, before = SHORTEST): boolean {
  const bytes = Buffer.from(`]]${' '.repeat(before)}${json}[[`);
  const [start, end] = [2, bytes.length - 2];
  const deeper = isDeeperThan(bytes, start, end, maxDepth);
  assert.equal(isDeeperBytewise(bytes, start, end, maxDepth), deeper, 'bytewise');
  return deeper;
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
    fc.property(value, fc.nat(14), fc.boolean(), fc.nat(BLOCK), (sample, maxDepth, spaced, shift) => {
      const json = JSON.stringify(sample, null, spaced ? 1 : 0);
      assert.equal(isDeeper(json, maxDepth, SHORTEST + shift), depthOf(sample) > maxDepth);
    }),
    { seed, numRuns: 5000 },
  );
});

test('strings, escapes and levels go on across the border of two pieces', () => {
  const sample = [{ a: '\\"[{\\\\' }, [[['\\\\"', '"]}"', { '\\': '\\\\\\"[' }]]]];
  const json = JSON.stringify(sample);
  for (let before = PAGE - json.length - 1; before <= PAGE; before++) {
    assert.equal(isDeeper(json, 5, before), false);
    assert.equal(isDeeper(json, 4, before), true);
  }
});

test('brackets in strings do not count, and a quote behind an even number of backslashes ends a string', () => {
  const brackets = '[{'.repeat(500);
  assert.equal(isDeeper(JSON.stringify({ a: brackets }), 1), false);
  assert.equal(isDeeper(JSON.stringify(['\\', brackets]), 1), false);
  assert.equal(isDeeper(JSON.stringify(['\\"', brackets, `"${brackets}\\`]), 1), false);
  assert.equal(isDeeper(`["\\\\",${'['.repeat(9)}${']'.repeat(9)}]`, 9), true);
  assert.equal(isDeeper(`["\\\\",${'['.repeat(9)}${']'.repeat(9)}]`, 10), false);
  for (let backslashes = 0; backslashes < 3 * BLOCK; backslashes += 2) {
    assert.equal(isDeeper(`["${'\\'.repeat(backslashes)}",[[]]]`, 2), true);
    assert.equal(isDeeper(`["${'\\'.repeat(backslashes)}\\"",[[]]]`, 3), false);
  }
});

test('a level is left before the next is entered, in one block or many', () => {
  for (const part of ['[],', '{},', '[[]],', `[${' '.repeat(BLOCK)}],`]) {
    const flat = `[${part.repeat(10_000)}0]`;
    assert.equal(isDeeper(flat, part.includes('[[') ? 3 : 2), false);
    assert.equal(isDeeper(flat, part.includes('[[') ? 2 : 1), true);
  }
});

test('a long text of brackets and backslashes is judged to its end', () => {
  // A judge that looks at a place more than once would take hours.
  for (const part of ['[],', '"\\\\\\"",', '"[",', '{},']) isDeeper(`[${part.repeat(1_000_000)}0]`, 256);
  isDeeper(`[${'[],'.repeat(300)}"${'\\'.repeat(2_000_000)}"]`, 256);
});

/** Judges two texts in a plain Node of its own: a loader of TypeScript needs WebAssembly itself. */
function judgeApart(shell: string, ...options: string[]): { stdout: string; stderr: string } {
  const script = `
    import { isDeeperThan } from './json-depth.ts';
    const judge = (depth) => isDeeperThan(Buffer.from('['.repeat(depth) + ']'.repeat(depth)), 0, 2 * depth, 1000);
    console.log(typeof WebAssembly, judge(1000), judge(1001));
  `;
  const stdin = { contents: script, resolveDir: SOURCES };
  const { outputFiles } = buildSync({ stdin, bundle: true, platform: 'node', write: false });
  const node = [process.execPath, ...options, '--eval', outputFiles[0]?.text ?? ''];
  return spawnSync('sh', ['-c', shell, 'sh', ...node], { encoding: 'utf8' });
}

const noShell = process.platform === 'win32' && 'there is no sh';

test('where there is no WebAssembly, the text is judged all the same', { skip: noShell }, () => {
  const { stdout, stderr } = judgeApart('exec "$@"', '--no-expose-wasm');
  assert.equal(stdout, 'undefined false true\n', stderr);
});

test('where there are no addresses for its memory, too', { skip: process.platform !== 'linux' }, () => {
  const { stdout, stderr } = judgeApart('ulimit -v 8000000 && exec "$@"');
  assert.equal(stdout, 'object false true\n', stderr);
});

test('the WebAssembly is what its source compiles to', async () => {
  const { compileJsonDepth, target } = (await import(COMPILE)) as {
    compileJsonDepth(): Promise<string>;
    target: string;
  };
  assert.equal(readFileSync(target, 'utf8'), await compileJsonDepth());
});
