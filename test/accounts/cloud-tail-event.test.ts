import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toTraceEvent } from '../../src/accounts/cloud-tail-event.js';

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

test("a notice of Cloudflare's is completed, and one that could not be written again is none", () => {
  const notice = (depth: number) => `{"event":{"type":"overload"},"more":${nested(depth)}}`;
  const completed = JSON.parse(toTraceEvent(notice(10), 'w') ?? '') as Record<string, unknown>;
  assert.deepEqual([completed.scriptName, completed.outcome, completed.logs], ['w', 'unknown', []]);
  assert.equal(toTraceEvent(notice(50_000), 'w'), undefined);
});

test('a whole event is handed on as it came, however deep', () => {
  const event = `{"scriptName":"w","outcome":"ok","eventTimestamp":1,"logs":[],"exceptions":[],"event":${nested(50_000)}}`;
  assert.equal(toTraceEvent(event, 'w'), event);
});
