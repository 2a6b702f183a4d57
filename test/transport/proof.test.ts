import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { createNonce, isProof, proofOf } from '../../src/transport/proof.js';

const [token, ours, theirs] = ['a secret', 'c'.repeat(32), 's'.repeat(32)];

test('a proof is an HMAC-SHA256 over the role and both nonces, as any language can compute it', () => {
  const expected = createHmac('sha256', 'a secret')
    .update(`fluorite-flake/server\n${ours}\n${theirs}`)
    .digest('hex');
  assert.equal(proofOf('server', token, ours, theirs), expected);
  assert.match(expected, /^[0-9a-f]{64}$/);
});

test('a proof is taken from its own role, for its own nonces and token, and from no other', () => {
  const proof = proofOf('client', token, ours, theirs);
  assert.ok(isProof(proof, 'client', token, ours, theirs));
  assert.ok(!isProof(proof, 'server', token, ours, theirs), 'reflected');
  assert.ok(!isProof(proof, 'client', token, theirs, ours), 'nonces swapped');
  assert.ok(!isProof(proof, 'client', token, ours, createNonce()), 'replayed');
  assert.ok(!isProof(proof, 'client', 'another secret', ours, theirs), 'of another token');
});

test('what is no proof at all is refused, not thrown at', () => {
  const proof = proofOf('client', token, ours, theirs);
  for (const given of [
    undefined,
    null,
    1,
    '',
    [],
    {},
    'x'.repeat(64),
    'é'.repeat(32),
    proof.slice(1),
    `${proof}0`,
    proof.toUpperCase(),
  ]) {
    assert.ok(!isProof(given, 'client', token, ours, theirs), String(given));
  }
});

test('tokens of any length and script work', () => {
  for (const any of ['x', 'é€𝄞', 'x'.repeat(60_000)]) {
    assert.ok(isProof(proofOf('server', any, ours, theirs), 'server', any, ours, theirs));
  }
});

test('nonces are 128 bits and differ', () => {
  const nonces = new Set(Array.from({ length: 1000 }, createNonce));
  assert.equal(nonces.size, 1000);
  for (const nonce of nonces) assert.match(nonce, /^[0-9a-f]{32}$/);
});
