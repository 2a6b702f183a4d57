import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TailSink } from '../../../src/accounts/account.js';
import type { TraceListener } from '../../../src/accounts/local/runtime.js';
import { TailHub } from '../../../src/accounts/local/tails.js';

function recorder(): { sink: TailSink; got: (string | number)[] } {
  const got: (string | number)[] = [];
  const sink: TailSink = {
    push: (event) => got.push(event),
    dropped: (count) => got.push(count),
    gap: () => got.push('gap'),
    end: (reason) => got.push(reason),
  };
  return { sink, got };
}

test('what the runtime lost is told to every tail of that Worker, before the events after it', () => {
  const listeners = new Set<TraceListener>();
  const runtime = {
    onTrace(listener: TraceListener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const hub = new TailHub();
  const [plain, filtered, other] = [recorder(), recorder(), recorder()];
  hub.open({ workerName: 'w' }, plain.sink, runtime);
  const close = hub.open({ workerName: 'w', search: 'nothing has this' }, filtered.sink, runtime);
  hub.open({ workerName: 'other' }, other.sink, runtime);
  const event = JSON.stringify({ outcome: 'ok', logs: [], exceptions: [], event: null });
  for (const listener of listeners) listener('w', [event], 3);
  for (const listener of listeners) listener('w', [event], 0);
  assert.deepEqual(plain.got, [3, event, event]);
  assert.deepEqual(filtered.got, [3]);
  assert.deepEqual(other.got, []);
  close();
  hub.close();
  assert.equal(listeners.size, 0);
});

test('an event that a filter fails at is counted for that tail, and reaches the others', () => {
  let deliver: TraceListener = () => {};
  const runtime = {
    onTrace(listener: TraceListener) {
      deliver = listener;
      return () => {};
    },
  };
  const hub = new TailHub();
  const [plain, filtered] = [recorder(), recorder()];
  hub.open({ workerName: 'w', search: 'x' }, filtered.sink, runtime);
  hub.open({ workerName: 'w' }, plain.sink, runtime);
  const events = ['{"outcome":"ok"}', '{"logs":7}', 'null', '{"outcome":"ok","logs":[{"message":["x"]}]}'];
  deliver('w', events, 0);
  assert.deepEqual(plain.got, events);
  assert.deepEqual(filtered.got, [1, 1, 1, events[3]]);
});
