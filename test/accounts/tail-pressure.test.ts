import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { LOSSLESS_BACKLOG } from '../../src/accounts/account.js';
import { TailPressure } from '../../src/accounts/tail-pressure.js';

const MAX_PAUSE_MS = 5000;

/** A sink whose backlog and room are set by hand, on a virtual clock. */
function pressure(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const done: string[] = [];
  const sink = {
    backlogLength: 0,
    giveRoom: () => {},
    whenRoom(then: () => void) {
      sink.giveRoom = then;
    },
    push() {},
    dropped() {},
    gap() {},
    end() {},
  };
  const readers = { pause: () => void done.push('pause'), resume: () => void done.push('resume') };
  const flow = new TailPressure(sink, readers, MAX_PAUSE_MS);
  const push = (backlogLength: number) => {
    sink.backlogLength = backlogLength;
    flow.pushed();
  };
  return { flow, sink, done, push, tick: (ms: number) => t.mock.timers.tick(ms) };
}

test('the peer waits from a full backlog until there is room, as often as that comes', (t) => {
  const { flow, sink, done, push } = pressure(t);
  push(LOSSLESS_BACKLOG);
  assert.deepEqual([flow.isPaused, done], [false, []]);
  for (let round = 1; round <= 3; round++) {
    push(LOSSLESS_BACKLOG + 1);
    // What was on its way still comes.
    push(LOSSLESS_BACKLOG + 100);
    assert.equal(flow.isPaused, true);
    sink.giveRoom();
    assert.equal(flow.isPaused, false);
    assert.equal(done.join(), Array(round).fill('pause,resume').join());
  }
});

test('a pause has an end; until there is room again everything is read', (t) => {
  const { flow, sink, done, push, tick } = pressure(t);
  push(LOSSLESS_BACKLOG + 1);
  tick(MAX_PAUSE_MS - 1);
  assert.equal(flow.isPaused, true);
  tick(1);
  assert.deepEqual([flow.isPaused, done.splice(0)], [false, ['pause', 'resume']]);
  push(2 * LOSSLESS_BACKLOG);
  tick(10 * MAX_PAUSE_MS);
  assert.deepEqual(done, []);
  sink.giveRoom();
  assert.deepEqual(done, []);
  push(LOSSLESS_BACKLOG + 1);
  assert.deepEqual(done, ['pause']);
});

test('once it is closed nothing is resumed, by no timer and by no room', (t) => {
  const { flow, sink, done, push, tick } = pressure(t);
  push(LOSSLESS_BACKLOG + 1);
  flow.close();
  flow.close();
  tick(10 * MAX_PAUSE_MS);
  sink.giveRoom();
  push(2 * LOSSLESS_BACKLOG);
  assert.deepEqual(done, ['pause']);
});
