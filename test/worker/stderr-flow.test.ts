import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LaneMessage } from '../../worker/contract.js';
import { StderrFlow } from '../../worker/stderr-flow.js';

test('what the main thread does not take is bounded, left out and counted', () => {
  const posted: string[] = [];
  const flow = new StderrFlow({
    post: (message: LaneMessage) => posted.push((message as { text: string }).text),
  });
  const chunk = `${'x'.repeat(1023)}\n${'y'.repeat(1024)}`;
  for (let n = 0; n < 100_000; n++) flow.send(chunk);
  const chars = posted.join('').length;
  assert.ok(chars <= 1024 * 1024, `${chars} characters wait`);
  const kept = posted.length;
  flow.took(chars);
  assert.match(posted.at(-1) as string, new RegExp(`^\\(${2 * (100_000 - kept)} lines were left out`));
  flow.send('next');
  assert.equal(posted.at(-1), 'next');
});
