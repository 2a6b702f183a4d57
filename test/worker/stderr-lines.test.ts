import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StderrLines } from '../../worker/stderr-lines.js';

function collect(): { lines: string[]; stderr: StderrLines } {
  const lines: string[] = [];
  return { lines, stderr: new StderrLines((text) => lines.push(...text.split('\n'))) };
}

test('lines are whole however their bytes arrive', () => {
  const { lines, stderr } = collect();
  for (const byte of Buffer.from('a token: sécret-🔑\nsecond\nunfinished')) stderr.push(Buffer.from([byte]));
  assert.deepEqual(lines, ['a token: sécret-🔑', 'second']);
  assert.equal(stderr.tail, 'a token: sécret-🔑\nsecond\nunfinished');
  stderr.end();
  stderr.end();
  assert.deepEqual(lines, ['a token: sécret-🔑', 'second', 'unfinished']);
  assert.equal(stderr.tail, 'a token: sécret-🔑\nsecond\nunfinished');
});

test('a line without end is left out and counted, and the tail is bounded', () => {
  const { lines, stderr } = collect();
  for (let i = 0; i < 100; i++) stderr.push(Buffer.alloc(64 * 1024, 'x'));
  stderr.push(Buffer.from('\nafter\n'));
  assert.deepEqual(lines, [`[a line of ${100 * 64 * 1024} characters is left out]`, 'after']);
  for (let i = 0; i < 10_000; i++) stderr.push(Buffer.from(`line ${i}\n`));
  assert.ok(stderr.tail.length <= 8 * 1024);
  assert.match(stderr.tail, /^line \d+\n.*\nline 9999$/s);
});
