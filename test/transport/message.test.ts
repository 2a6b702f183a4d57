import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classify, isId } from '../../src/transport/message.js';

const kindOf = (members: object) => classify({ jsonrpc: '2.0', ...members }).kind;

test('requests, notifications and responses are told apart', () => {
  assert.equal(kindOf({ id: 1, method: 'a' }), 'request');
  assert.equal(kindOf({ id: '', method: 'a' }), 'request');
  assert.equal(kindOf({ id: 0, method: 'a', params: {} }), 'request');
  assert.equal(kindOf({ id: -7, method: 'a', params: [] }), 'request');
  assert.equal(kindOf({ method: 'a' }), 'notification');
  assert.equal(kindOf({ method: 'a', params: [1] }), 'notification');
  assert.equal(kindOf({ id: 1, result: null }), 'response');
  assert.equal(kindOf({ id: null, error: { code: -1, message: '' } }), 'response');
});

const BAD: readonly [string, unknown][] = [
  ['null', null],
  ['a number', 1],
  ['a string', 'system.ping'],
  ['an array', []],
  ['an empty object', {}],
  ['no version', { id: 1, method: 'a' }],
  ['another version', { jsonrpc: '1.0', id: 1, method: 'a' }],
  ['a version that is a number', { jsonrpc: 2, id: 1, method: 'a' }],
  ['a method that is a number', { jsonrpc: '2.0', id: 1, method: 1 }],
  ['a method that is null', { jsonrpc: '2.0', id: 1, method: null }],
  ['an empty method', { jsonrpc: '2.0', id: 1, method: '' }],
  ['params null', { jsonrpc: '2.0', id: 1, method: 'a', params: null }],
  ['params that are a string', { jsonrpc: '2.0', id: 1, method: 'a', params: 'x' }],
  ['params of a notification that are a number', { jsonrpc: '2.0', method: 'a', params: 1 }],
  ['id null', { jsonrpc: '2.0', id: null, method: 'a' }],
  ['a fractional id', { jsonrpc: '2.0', id: 1.5, method: 'a' }],
  ['an id past the safe integers', { jsonrpc: '2.0', id: 2 ** 53, method: 'a' }],
  ['an id that is an object', { jsonrpc: '2.0', id: {}, method: 'a' }],
  ['an id that is true', { jsonrpc: '2.0', id: true, method: 'a' }],
  ['a response without an id', { jsonrpc: '2.0', result: 1 }],
  ['a response with both', { jsonrpc: '2.0', id: 1, result: 1, error: { code: 1, message: '' } }],
  ['a response with neither', { jsonrpc: '2.0', id: 1 }],
  ['an error that is a string', { jsonrpc: '2.0', id: 1, error: 'x' }],
  ['an error null', { jsonrpc: '2.0', id: 1, error: null }],
  ['an error without a code', { jsonrpc: '2.0', id: 1, error: { message: 'x' } }],
  ['an error with a fractional code', { jsonrpc: '2.0', id: 1, error: { code: 1.5, message: 'x' } }],
  ['an error without a message', { jsonrpc: '2.0', id: 1, error: { code: 1 } }],
];

for (const [name, body] of BAD) {
  test(`no message of JSON-RPC 2.0: ${name}`, () => {
    assert.throws(() => classify(body), { name: 'FrameError', fault: 'message-invalid' });
  });
}

test('an id is a whole number or a string', () => {
  for (const id of [0, -1, 1e3, Number.MAX_SAFE_INTEGER, '', '0']) assert.ok(isId(id));
  for (const id of [null, undefined, 0.5, Number.NaN, 2 ** 53, [], {}, true]) assert.ok(!isId(id));
});
