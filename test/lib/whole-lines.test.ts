import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LastLines } from '../../src/lib/last-lines.js';
import { shorten } from '../../src/lib/shorten.js';
import { MAX_LINE_CHARS, WholeLines } from '../../src/lib/whole-lines.js';

function split(chunks: readonly Buffer[]): string[] {
  const lines: string[] = [];
  const splitter = new WholeLines((complete) => lines.push(...complete));
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  splitter.end();
  return lines;
}

const bytesOf = (text: string) => [...Buffer.from(text)].map((byte) => Buffer.from([byte]));

test('lines are the same however their bytes arrive, whichever ends they have', () => {
  const text = 'one\ntwo\r\nthrée 🔑\rfour\n\nlast';
  const expected = ['one', 'two', 'thrée 🔑', 'four', '', 'last'];
  assert.deepEqual(split([Buffer.from(text)]), expected);
  assert.deepEqual(split(bytesOf(text)), expected);
});

test('a line of the greatest length is whole, and of a longer one no part is handed on', () => {
  const whole = 'x'.repeat(MAX_LINE_CHARS);
  const note = `[a line of ${MAX_LINE_CHARS + 1} characters is left out]`;
  for (const size of [1, 1000, MAX_LINE_CHARS, 10 * MAX_LINE_CHARS]) {
    const bytes = Buffer.from(`before\n${whole}\n${whole}y\nafter`);
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
    assert.deepEqual(split(chunks), ['before', whole, note, 'after']);
  }
});

test('the last lines are whole, and bounded in number and length', () => {
  const few = new LastLines(3, 1000);
  for (const line of ['a', 'b', 'c', 'd']) few.push(line);
  assert.deepEqual(few.all, ['b', 'c', 'd']);
  const short = new LastLines(100, 10);
  for (const line of ['12345678', '1234', '1234']) short.push(line);
  assert.deepEqual(short.all, ['1234', '1234']);
  short.push('a line that is longer than all may be');
  assert.deepEqual(short.all, ['a line that is longer than all may be']);
});

test('a long text keeps its beginning and its end, and says how much is missing', () => {
  assert.equal(shorten('short', 5), 'short');
  assert.equal(shorten('abcdefghij', 4), 'ab … (6 characters left out) … ij');
});
