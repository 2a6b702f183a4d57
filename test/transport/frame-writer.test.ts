import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { test } from 'node:test';
import { FrameWriter, frame } from '../../src/transport/frame-writer.js';
import { readAll } from '../support/wire.js';

/** A stream that keeps every write apart; `hold` keeps it from taking the next one. */
function recorder() {
  const writes: Buffer[] = [];
  let release = () => {};
  let held = false;
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      writes.push(chunk);
      if (held) release = done;
      else done();
    },
  });
  return {
    stream,
    writes,
    hold: () => {
      held = true;
    },
    release: () => {
      held = false;
      release();
    },
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('frames of one tick leave in one write, in order', async () => {
  const { stream, writes } = recorder();
  const writer = new FrameWriter(stream);
  const bodies = Array.from({ length: 100 }, (_, at) => `{"id":${at}}`);
  for (const body of bodies) writer.write(body);
  assert.equal(writes.length, 0);
  await turn();
  assert.equal(writes.length, 1);
  assert.deepEqual(readAll(writes), bodies);
  writer.write('{"next":"tick"}');
  await turn();
  assert.equal(writes.length, 2);
});

test('a burst begins to leave before its tick is over, in writes that grow', async () => {
  const { stream, writes } = recorder();
  const writer = new FrameWriter(stream);
  const bodies = Array.from({ length: 1000 }, (_, at) => `{"id":${at},"text":"${'x'.repeat(80)}"}`);
  for (const body of bodies) writer.write(body);
  assert.ok(writes.length >= 2);
  await turn();
  const lengths = writes.slice(0, -1).map((write) => write.length);
  assert.deepEqual(
    lengths,
    lengths.toSorted((a, b) => a - b),
  );
  assert.ok((lengths[0] as number) < 8 * 1024 && writes.length < 10);
  assert.deepEqual(readAll(writes), bodies);
});

test('what is written in microtasks and ticks of one turn keeps its order', async () => {
  const { stream, writes } = recorder();
  const writer = new FrameWriter(stream);
  writer.write('1');
  await Promise.resolve();
  writer.write('2');
  process.nextTick(() => writer.write('4'));
  writer.write('3');
  await turn();
  assert.deepEqual(readAll(writes), ['1', '2', '3', '4']);
});

test('lengths are counted in bytes of UTF-8, beside plain frames too', async () => {
  const { stream, writes } = recorder();
  const writer = new FrameWriter(stream);
  const bodies = ['"plain"', '"é"', '"€"', '"𝄞"', '"\u2028"', '"plain"', `"${'ü'.repeat(20_000)}"`];
  for (const body of bodies) writer.write(body);
  await turn();
  assert.deepEqual(readAll(writes), bodies);
  assert.equal(frame('"é"'), 'Content-Length: 4\r\n\r\n"é"');
});

test('a lone surrogate keeps the frame whole', async () => {
  const { stream, writes } = recorder();
  const writer = new FrameWriter(stream);
  writer.write('"\ud800"');
  writer.write('"\udc00"');
  await turn();
  assert.deepEqual(readAll(writes), ['"\ufffd"', '"\ufffd"']);
});

test('big bodies go out whole among small ones, in order, and small ones are not gathered without bound', async () => {
  const { stream, writes } = recorder();
  const writer = new FrameWriter(stream);
  const big = `"${'x'.repeat(1_000_000)}"`;
  const bodies = ['1', big, '2', '3', big, big, ...Array.from({ length: 5000 }, (_, at) => `{"id":${at}}`)];
  for (const body of bodies) writer.write(body);
  assert.ok(writes.length > 3);
  await turn();
  assert.deepEqual(readAll(writes), bodies);
  for (const write of writes) assert.ok(write.length <= 64 * 1024 || write.length > 1_000_000);
});

test('the backlog counts what is pending and what the stream has not taken', async () => {
  const { stream, hold, release } = recorder();
  const writer = new FrameWriter(stream);
  assert.equal(writer.backlogBytes, 0);
  hold();
  writer.write('12345');
  const { length } = frame('12345');
  assert.equal(writer.backlogBytes, length);
  writer.flush();
  writer.write('12345');
  assert.equal(writer.backlogBytes, 2 * length);
  release();
  await turn();
  assert.equal(writer.backlogBytes, 0);
});

test('drained waits until the stream has taken everything', async () => {
  const { stream, writes, hold, release } = recorder();
  const writer = new FrameWriter(stream);
  hold();
  writer.write('1');
  let drained = false;
  const done = writer.drained().then(() => {
    drained = true;
  });
  await turn();
  assert.equal(drained, false);
  assert.deepEqual(readAll(writes), ['1']);
  release();
  await done;
  await new FrameWriter(stream).drained();
});

test('drained rejects when the other side is gone', async () => {
  const stream = new PassThrough();
  stream.on('error', () => {});
  stream.destroy(new Error('gone'));
  const writer = new FrameWriter(stream);
  writer.write('1');
  await assert.rejects(writer.drained());
});
