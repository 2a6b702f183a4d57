import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redactor, SidecarError, secretsOfEnvironment, secretsOfParams } from '../../src/protocol/index.js';

test('known secrets are taken out of text, as they are and as JSON writes them', () => {
  const redactor = new Redactor(['abcdef', 'abcdef-and-more', 'a "quoted" one', 'short']);
  assert.equal(redactor.text('x abcdef-and-more y abcdef z short'), 'x [redacted] y [redacted] z short');
  assert.equal(redactor.text(JSON.stringify('a "quoted" one')), '"[redacted]"');
});

test('data loses secrets by value, and by the name of their member', () => {
  const data = {
    token: 'one',
    apiToken: 'two',
    headers: { authorization: 'three', 'set-cookie': 'four', 'content-type': 'text/plain' },
    list: [{ password: 'five' }, 'known-secret'],
    key: 'an/object',
    keys: 3,
    __proto__: null,
  };
  assert.deepEqual(new Redactor(['known-secret']).data(data), {
    token: '[redacted]',
    apiToken: '[redacted]',
    headers: { authorization: '[redacted]', 'set-cookie': '[redacted]', 'content-type': 'text/plain' },
    list: [{ password: '[redacted]' }, '[redacted]'],
    key: 'an/object',
    keys: 3,
  });
});

test('secrets that pass are known until many others have passed, and those that stay for ever', () => {
  const redactor = new Redactor(['stays-for-ever']);
  redactor.learnPassing(['first-of-many']);
  assert.equal(redactor.text('first-of-many'), '[redacted]');
  for (let number = 0; number < 10_000; number += 100)
    redactor.learnPassing(Array.from({ length: 100 }, (_, index) => `secret ${number + index}`));
  assert.equal(redactor.text('first-of-many, stays-for-ever'), 'first-of-many, [redacted]');
  assert.equal(redactor.text('secret 9999'), '[redacted]');
  assert.equal(redactor.with(['another']).text('another secret 9999'), '[redacted] [redacted]');
});

test('an error keeps its code and cause', () => {
  const cause = new Error('below');
  const error = new SidecarError('file-error', 'with known-secret', { data: { secret: 'x' }, cause });
  const redacted = new Redactor(['known-secret']).error(error);
  assert.equal(redacted.code, 'file-error');
  assert.equal(redacted.message, 'with [redacted]');
  assert.deepEqual(redacted.data, { secret: '[redacted]' });
  assert.equal(redacted.cause, cause);
});

test('secrets are found in an environment and among bindings', () => {
  assert.deepEqual(secretsOfEnvironment({ CLOUDFLARE_API_TOKEN: 'a', PATH: '/bin', MY_PASSWORD: 'b' }), [
    'a',
    'b',
  ]);
  const bindings = [
    { type: 'secret_text', name: 'S', text: 'c' },
    { type: 'plain_text', name: 'P', text: 'd' },
    null,
  ];
  assert.deepEqual(secretsOfParams({ bindings }), ['c']);
  assert.deepEqual(secretsOfParams(undefined), []);
});
