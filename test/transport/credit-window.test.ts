import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreditWindow, TAIL_WINDOW_BYTES } from '../../src/transport/credit-window.js';

test('a window is open until as much was spent as it holds', () => {
  const window = new CreditWindow(100);
  assert.ok(window.open);
  window.spend(99);
  assert.ok(window.open);
  assert.equal(window.availableBytes, 1);
  window.spend(1);
  assert.ok(!window.open);
});

test('a batch larger than the rest is a debt that grants pay first', () => {
  const window = new CreditWindow(100);
  window.spend(250);
  assert.equal(window.availableBytes, -150);
  window.grant(150);
  assert.ok(!window.open);
  window.grant(1);
  assert.ok(window.open);
});

test('grants do not add up past the maximum', () => {
  const window = new CreditWindow(100, 300);
  window.grant(Number.MAX_SAFE_INTEGER);
  assert.equal(window.availableBytes, 300);
  const standard = new CreditWindow();
  for (let times = 0; times < 1000; times++) standard.grant(TAIL_WINDOW_BYTES);
  assert.equal(standard.availableBytes, 16 * TAIL_WINDOW_BYTES);
});
