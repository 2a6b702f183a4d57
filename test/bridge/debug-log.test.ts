import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DebugLog } from '../../bridge/debug-log.js';

test('secrets are taken out by value: the token, and whatever the environment names as one', () => {
  const lines: string[] = [];
  const log = new DebugLog(true, (line) => lines.push(line));
  log.setSecrets('the-token', {
    CLOUDFLARE_API_TOKEN: 'cf-token-value',
    CLOUDFLARE_API_KEY: 'cf-key-value',
    PATH: '/usr/bin',
  });
  log.line('the-token, cf-token-value and cf-key-value in /usr/bin');
  assert.deepEqual(lines, ['[redacted], [redacted] and [redacted] in /usr/bin']);
});

test('a secret inside a longer one leaves nothing of either', () => {
  const lines: string[] = [];
  const log = new DebugLog(true, (line) => lines.push(line));
  log.setSecrets('abcdef', { A_SECRET: 'abcdef-and-more' });
  log.line('x abcdef-and-more y abcdef z');
  assert.deepEqual(lines, ['x [redacted] y [redacted] z']);
});

test('without debug nothing is written', () => {
  const lines: string[] = [];
  new DebugLog(false, (line) => lines.push(line)).line('x');
  assert.deepEqual(lines, []);
});

test('a logger that throws or rejects is warned of once, and ends nothing', async (t) => {
  const warnings: string[] = [];
  const onWarning = ({ message }: Error) => warnings.push(message);
  process.on('warning', onWarning);
  t.after(() => process.off('warning', onWarning));
  const gone = new Error('Connection is closed.');
  const loggers = [
    () => {
      throw gone;
    },
    () => Promise.reject(gone),
  ];
  for (const logger of loggers) {
    const log = new DebugLog(true, logger as () => void);
    log.line('one');
    log.line('two');
  }
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(warnings, Array(2).fill('The option `logger` failed: Connection is closed.'));
});
