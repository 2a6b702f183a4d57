import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { commands } from '../../src/commands/commands.js';
import { confirm } from '../../src/commands/confirm.js';

function person({ isTTY = true } = {}) {
  const input = Object.assign(new PassThrough(), { isTTY });
  const output = Object.assign(new PassThrough(), { isTTY });
  const aborter = new AbortController();
  const asked = confirm('Delete it?', { input, output }, aborter.signal);
  return { input, output, aborter, asked };
}

test('only a yes is a yes', async () => {
  for (const [line, yes] of [
    ['y', true],
    ['YES', true],
    ['', false],
    ['n', false],
    ['yellow', false],
  ] as const) {
    const { input, output, asked } = person();
    input.write(`${line}\n`);
    assert.equal(await asked, yes, line);
    assert.equal(output.read().toString(), 'Delete it? [y/N] ');
  }
});

test('the end of the input and an interrupt are a no', async () => {
  const { input, asked } = person();
  input.end();
  assert.equal(await asked, false);
  const interrupted = person();
  interrupted.aborter.abort();
  assert.equal(await interrupted.asked, false);
});

test('without a terminal nobody is asked', async () => {
  const { asked, output } = person({ isTTY: false });
  assert.equal(await asked, true);
  assert.equal(output.read(), null);
});

test('every command that deletes asks first, and takes --yes', () => {
  const deleting = commands.filter(({ path }) => path.at(-1) === 'delete');
  assert.ok(deleting.length >= 5);
  for (const { path, options } of deleting)
    assert.ok(
      options.some(({ flags }) => flags === '-y, --yes'),
      path.join(' '),
    );
});
