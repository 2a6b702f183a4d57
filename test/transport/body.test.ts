import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyText, parseJson } from '../../src/transport/body.js';
import { FrameError } from '../../src/transport/frame-error.js';

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
