import assert from 'node:assert/strict';
import { test } from 'node:test';
import { structuredPayload } from '../../bench/payload.js';
import { emitLines, eventTexts, loadName, parseLoadName } from '../../bench/tail-source.js';

test('a structured payload is JSON of exactly the size that was asked for', () => {
  for (const bytes of [64, 1024, 65_536, 1_048_576]) {
    assert.equal(Buffer.byteLength(JSON.stringify(structuredPayload(bytes))), bytes);
  }
});

test('a trace event of the bench is JSON of exactly the size that was asked for', () => {
  for (const text of eventTexts(200)) {
    assert.equal(Buffer.byteLength(text), 200);
    assert.equal(JSON.parse(text).outcome, 'ok');
  }
});

test('a log source emits as many lines as it was told, at no more than its rate, in order', async () => {
  const lines: string[] = [];
  const startedAt = performance.now();
  await new Promise<void>((resolve) => {
    emitLines(
      { linesPerSecond: 10_000, lines: 500, lineBytes: 0 },
      ['a', 'b'],
      (line) => void lines.push(line),
      resolve,
    );
  });
  assert.ok(performance.now() - startedAt >= 49);
  assert.equal(lines.length, 500);
  assert.equal(lines.slice(0, 4).join(''), 'abab');
});

test('a log source that is stopped emits nothing more', async () => {
  let lines = 0;
  const stop = emitLines(
    { linesPerSecond: 0, lines: 0, lineBytes: 0 },
    ['a'],
    () => void lines++,
    assert.fail,
  );
  await new Promise(setImmediate);
  stop();
  await new Promise(setImmediate);
  const seen = lines;
  await new Promise(setImmediate);
  assert.ok(seen > 0);
  assert.equal(lines, seen);
});

test('the name of a load says all of it', () => {
  const load = { linesPerSecond: 100_000, lines: 5, lineBytes: 200 };
  assert.deepEqual(parseLoadName(loadName(load)), load);
});

test('a flood waits for each line that gives a promise to wait for, and ends after the last', async () => {
  let taken = 0;
  let most = 0;
  await new Promise<void>((resolve) => {
    let waiting = 0;
    const emit = async () => {
      most = Math.max(most, ++waiting);
      await new Promise(setImmediate);
      waiting--;
      taken++;
    };
    emitLines({ linesPerSecond: 0, lines: 300, lineBytes: 0 }, ['a'], emit, resolve);
  });
  assert.deepEqual({ taken, most }, { taken: 300, most: 1 });
});
