import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readRequestHead, readResultHead } from '../../src/transport/message-head.js';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
console.log(`# seed ${seed} (FUZZ_SEED=${seed} replays it)`);

/** What the head of `body` says, read from the middle of a larger buffer, with the JSON it leaves to be parsed. */
function readRequest(body: string) {
  const bytes = Buffer.from(`}{${body}}{`);
  const end = bytes.length - 2;
  const head = readRequestHead(bytes, 2, end);
  return (
    head && {
      id: head.id,
      method: bytes.toString('utf8', head.methodStart, head.methodEnd),
      params: bytes.toString('utf8', head.paramsStart, end - 1),
    }
  );
}

function readResult(body: string) {
  const bytes = Buffer.from(`}{${body}}{`);
  const end = bytes.length - 2;
  const head = readResultHead(bytes, 2, end);
  return head && { id: head.id, result: bytes.toString('utf8', head.resultStart, end - 1) };
}

const id = fc.maxSafeNat().map((n) => n % 10 ** 15);

test('a request in our own form is read by its head, whatever its params are', () => {
  fc.assert(
    fc.property(id, fc.stringMatching(/^[A-Za-z.]{1,20}$/), fc.json(), (id, method, params) => {
      const read = readRequest(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${params}}`);
      assert.deepEqual(read, { id, method, params });
    }),
    { seed },
  );
});

test('a result in our own form is read by its head, whatever it is', () => {
  fc.assert(
    fc.property(id, fc.json(), (id, result) => {
      assert.deepEqual(readResult(`{"jsonrpc":"2.0","id":${id},"result":${result}}`), { id, result });
    }),
    { seed },
  );
});

test('any other form is left to the parser', () => {
  for (const head of [
    '{"jsonrpc":"2.0","id":"2"',
    '{"jsonrpc":"2.0","id":2 ',
    '{"jsonrpc":"2.0","id":-2',
    '{"jsonrpc":"2.0","id":02',
    '{"jsonrpc":"2.0","id":2.0',
    '{"jsonrpc":"2.0","id":2e0',
    '{"jsonrpc":"2.0","id":1234567890123456',
    '{"jsonrpc":"2.0","id":',
    '{"jsonrpc":"2.0","id":null',
    '{"jsonrpc":"2.1","id":2',
    '{"id":2,"jsonrpc":"2.0"',
    '',
  ]) {
    assert.equal(readResult(`${head},"result":1}`), undefined, head);
    assert.equal(readRequest(`${head},"method":"a","params":{}}`), undefined, head);
  }
  for (const rest of [
    ',"method":"","params":{}}',
    ',"method":"a\\u0041","params":{}}',
    ',"method":"a\nb","params":{}}',
    ',"method":"a" ,"params":{}}',
    ',"method":"a"}',
    ',"method":"a","params":{}} ',
    ',"method":"a","params":',
  ]) {
    assert.equal(readRequest(`{"jsonrpc":"2.0","id":2${rest}`), undefined, rest);
  }
  assert.equal(readResult('{"jsonrpc":"2.0","id":2,"error":{}}'), undefined);
  assert.equal(readResult('{"jsonrpc":"2.0","id":2,"result":1'), undefined);
});

test('a body that is cut off at any place is no head', () => {
  const request = Buffer.from('{"jsonrpc":"2.0","id":12,"method":"a.b","params":{"c":1}}');
  const result = Buffer.from('{"jsonrpc":"2.0","id":12,"result":[{}]}');
  // Behind the params' own brace, the cut leaves what looks whole and parses no longer.
  for (let end = 0; end < request.length - 1; end++)
    assert.equal(readRequestHead(request, 0, end), undefined);
  for (let end = 0; end < result.length - 3; end++) assert.equal(readResultHead(result, 0, end), undefined);
});
