import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLaneAnswer, readTailBatch } from '../../worker/sniff.js';

test('an answer with an even id in our own form is the lane’s', () => {
  for (const id of [0, 2, 10, 4_294_967_298])
    assert.equal(isLaneAnswer(`{"jsonrpc":"2.0","id":${id},"result":1}`), true);
});

test('any other body is looked at whole', () => {
  for (const body of [
    '{"jsonrpc":"2.0","id":3,"result":1}',
    '{"jsonrpc":"2.0","id":"2","result":1}',
    '{"jsonrpc":"2.0","id":null,"error":{}}',
    '{"jsonrpc":"2.0","id":2 ,"result":1}',
    '{"jsonrpc":"2.0","id":-2,"result":1}',
    '{"jsonrpc":"2.0","id":2.0,"result":1}',
    '{"id":2,"jsonrpc":"2.0","result":1}',
    '{"jsonrpc":"2.0","id":',
    '',
  ])
    assert.equal(isLaneAnswer(body), false, body);
});

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
