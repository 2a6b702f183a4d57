import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bool, embed, list, struct, text } from '../../../../src/accounts/local/workerd/config-text.js';

test('Text keeps printable ASCII and writes every other byte of UTF-8 as \\xHH', () => {
  assert.equal(text('plain text, (brackets) [and] = #signs'), '"plain text, (brackets) [and] = #signs"');
  assert.equal(text('"quoted" \\ back'), '"\\"quoted\\" \\\\ back"');
  assert.equal(text('\n\r\t\0\x7f'), '"\\x0a\\x0d\\x09\\x00\\x7f"');
  assert.equal(text('ä€😀'), '"\\xc3\\xa4\\xe2\\x82\\xac\\xf0\\x9f\\x98\\x80"');
  assert.equal(text('\ud800'), '"\\xef\\xbf\\xbd"', 'a lone surrogate has no UTF-8');
});

test('a string cannot end its literal, whatever is in it', () => {
  const every = Array.from({ length: 0x100 }, (_, code) => String.fromCharCode(code)).join('');
  assert.match(text(every), /^"(?:[^"\\]|\\["\\]|\\x[0-9a-f]{2})*"$/);
});

test('structs leave out fields without a value, and lists may be empty', () => {
  assert.equal(struct({ a: text('x'), b: undefined, c: bool(true) }), '(a = "x", c = true)');
  assert.equal(list([]), '[]');
  assert.equal(list([embed('a "b".js'), struct({})]), '[embed "a \\"b\\".js", ()]');
});
