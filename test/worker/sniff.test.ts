import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTailBatch } from '../../worker/sniff.js';

test('the head of a batch is read without its events', () => {
  const body =
    '{"jsonrpc":"2.0","method":"tail/batch","params":{"tailId":"ab","seq":7,"dropped":3,"events":[{},"é"]}}';
  const head = readTailBatch(body);
  assert.deepEqual(
    { ...head, eventsStart: undefined },
    { tailId: 'ab', seq: 7, dropped: 3, eventsStart: undefined },
  );
  assert.equal(body.slice(head?.eventsStart, -2), '[{},"é"]');
});

test('a batch in any other form is left to the parser', () => {
  for (const body of [
    '{"jsonrpc":"2.0","method":"tail/batch","params":{"seq":7,"tailId":"ab","dropped":3,"events":[]}}',
    '{"jsonrpc":"2.0","method":"tail/batch","params":{"tailId":"ab","seq":7,"dropped":3,"events":[]} }',
    '{"jsonrpc":"2.0","method":"tail/end","params":{"tailId":"ab","reason":"stopped","dropped":0}}',
  ])
    assert.equal(readTailBatch(body), undefined, body);
});
