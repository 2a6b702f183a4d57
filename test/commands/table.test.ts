import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, printable, table } from '../../src/commands/table.js';

test('columns are as wide as their widest cell', () => {
  assert.equal(
    table(
      ['ID', 'TITLE'],
      [
        ['1', 'one'],
        [12, undefined],
      ],
    ),
    'ID  TITLE\n1   one\n12\n',
  );
});

test('with a width the last column is cut, and ids never are', () => {
  const rows = [['a'.repeat(10), 'b'.repeat(30)]];
  assert.equal(table(['ID', 'TITLE'], rows, 24).split('\n')[1], `${'a'.repeat(10)}  ${'b'.repeat(11)}…`);
  assert.equal(table(['ID', 'TITLE'], rows, 12).split('\n')[1], `${'a'.repeat(10)}  ${'b'.repeat(30)}`);
});

test('control characters of a key cannot steer the terminal', () => {
  assert.equal(printable('a\u001b[2Jb\nc\u009bd'), 'a\\u001b[2Jb\\nc?d');
});

test('sizes are in binary units', () => {
  assert.deepEqual([0, 1023, 1024, 1536, 5 * 2 ** 30].map(bytes), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '5.0 GiB',
  ]);
});
