import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  headerValueFault,
  kvKeyFault,
  moduleNameFault,
  pathFault,
  type Rule,
  r2KeyFault,
  textFault,
} from '../../src/protocol/names.js';

/** A rule, texts that it lets through, and texts that it does not. */
const RULES: readonly (readonly [Rule, readonly string[], readonly string[]])[] = [
  [textFault, ['', 'ü', '\u{1f600}', '\0'], ['\ud800', 'a\udfffb', '\udc00\ud800']],
  [pathFault, ['/a', 'ü\n', '..'], ['\0', '/a\0b', '\ud800']],
  [
    headerValueFault,
    ['', 'a b', '日本', '\t'],
    ['a\rb', 'a\nb', '\0', 'a\r\nb: c', '\x7f', '\x0b', '\ud800'],
  ],
  [kvKeyFault, ['k', '...', '\0', 'ü'.repeat(256)], ['', '.', '..', 'ü'.repeat(257), '\ud800']],
  [r2KeyFault, ['k', '..', '', 'ü'.repeat(512)], ['ü'.repeat(513), '\ud800']],
  [
    moduleNameFault,
    ['a.js', './a.js', 'a/../b.js', '..a', 'http://x/y.js', 'node:fs', 'ü"\\.js', ' '],
    ['/a.js', '..', '../a.js', './../a.js', 'a/../../b.js', '//..//../a', 'a\0', 'a\nb.js', '\ud800'],
  ],
];

test('each rule lets through what can be sent, and says what is wrong with anything else', () => {
  for (const [rule, right, wrong] of RULES) {
    for (const text of right) assert.equal(rule(text), undefined, JSON.stringify(text));
    for (const text of wrong)
      assert.match(rule(text) ?? '', /^(has|begins|leads|cannot) /, JSON.stringify(text));
  }
});
