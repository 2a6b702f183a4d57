import assert from 'node:assert/strict';
import { test } from 'node:test';
import { streamToSink, tailToStream } from '../../../src/accounts/local/tail-stream.js';
import { collect } from './fixture.js';

const json = (n: number, padding = 0) => JSON.stringify({ n, text: 'ü'.repeat(padding) });

test('events come out as they went in, whatever the chunks, and the end is told', async () => {
  const { sink, stream } = tailToStream(() => {});
  for (let n = 0; n < 50; n += 1) sink.push(json(n, n));
  sink.dropped(7);
  sink.push(json(50));
  sink.end('worker-deleted');
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  for (const size of [1, 2, 3, 1000, bytes.length]) {
    const chunks = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
        controller.close();
      },
    });
    const got: string[] = [];
    const out = Object.assign(collect(), { push: (line: string) => got.push(line) });
    assert.equal(await streamToSink(chunks.getReader(), out), true);
    assert.deepEqual(
      got,
      Array.from({ length: 51 }, (_, n) => json(n, n < 50 ? n : 0)),
    );
    assert.equal(out.lost, 7);
    assert.deepEqual(out.ended, [['worker-deleted', undefined]]);
  }
});

test('a reader that stands still bounds what is kept, and the rest is counted exactly', async () => {
  const { sink, stream } = tailToStream(() => {});
  const total = 20_000;
  const line = json(0, 500);
  for (let n = 0; n < total; n += 1) {
    sink.push(line);
    if (n % 10 === 0) await Promise.resolve(); // Lets what is written become a chunk.
  }
  sink.end('account-closed');
  let delivered = 0;
  const out = Object.assign(collect(), {
    push: () => {
      delivered += 1;
    },
  });
  assert.equal(await streamToSink(stream.getReader(), out), true);
  assert.ok(delivered > 1000 && delivered < total / 2, String(delivered));
  assert.equal(delivered + out.lost, total);
});

test('a stream that is cut off says nothing, and a reader that goes away ends the tail', async () => {
  let cancelled = 0;
  const { sink, stream } = tailToStream(() => {
    cancelled += 1;
  });
  const reader = stream.getReader();
  await reader.cancel();
  assert.equal(cancelled, 1);
  sink.push(json(1));
  sink.end('account-closed');
  const cut = new ReadableStream<Uint8Array>({ start: (controller) => controller.close() });
  assert.equal(await streamToSink(cut.getReader(), collect()), false);
});
