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
  stderr.end();
  stderr.end();
  assert.deepEqual(lines, ['a token: sécret-🔑', 'second', 'unfinished']);
  assert.equal(stderr.tail, 'a token: sécret-🔑\nsecond\nunfinished');
});

test('a line without end is handed on in pieces, and the tail is bounded', () => {
  const { lines, stderr } = collect();
  for (let i = 0; i < 100; i++) stderr.push(Buffer.alloc(64 * 1024, 'x'));
  stderr.end();
  assert.equal(lines.join('').length >= 100 * 64 * 1024 - lines.length, true);
  assert.equal(lines.length > 10, true);
  assert.equal(stderr.tail.length, 4096);
});
