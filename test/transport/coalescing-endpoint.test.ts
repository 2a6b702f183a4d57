import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { type Endpoint, expose, proxy, type Remote, transfer, wrap } from 'comlink';
import { CoalescingEndpoint } from '../../src/transport/coalescing-endpoint.js';

const api = {
  echo: (value: unknown) => value,
  byteLength: (bytes: Uint8Array) => bytes.byteLength,
  bytes: (length: number) => {
    const made = new Uint8Array(length).fill(7);
    return transfer(made, [made.buffer]);
  },
  fail: (message: string) => {
    throw new TypeError(message);
  },
  uncloneable: () => () => 1,
  each: async (count: number, callback: (at: number) => void | Promise<void>) => {
    for (let at = 0; at < count; at++) await callback(at);
    return count;
  },
};

const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

/** comlink over both ends of a channel; `messages` counts what crosses to the exposed side. */
function connect() {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  const messages: unknown[][] = [];
  port2.on('message', (list: unknown[]) => messages.push(list));
  expose(api, new CoalescingEndpoint(port2) as unknown as Endpoint);
  const remote: Remote<typeof api> = wrap(new CoalescingEndpoint(port1) as unknown as Endpoint);
  return { remote, messages };
}

test('calls of one tick cross as one message and each gets its own answer', async () => {
  const { remote, messages } = connect();
  const values = Array.from({ length: 200 }, (_, at) => at);
  assert.deepEqual(await Promise.all(values.map((value) => remote.echo(value))), values);
  assert.equal(messages.length, 1);
  assert.equal(await remote.echo('next'), 'next');
  assert.equal(messages.length, 2);
});

test('an error of the exposed side rejects its own call', async () => {
  const { remote } = connect();
  const [failed, fine] = await Promise.allSettled([remote.fail('no'), remote.echo(1)]);
  assert.equal(failed.status, 'rejected');
  assert.equal(failed.reason.message, 'no');
  assert.deepEqual(fine, { status: 'fulfilled', value: 1 });
});

test('buffers are moved, not copied, in both directions and beside other calls of the tick', async () => {
  const { remote } = connect();
  const [first, second] = [new Uint8Array(1000), new Uint8Array(2000)];
  const answers = await Promise.all([
    remote.byteLength(transfer(first, [first.buffer])),
    remote.echo('between'),
    remote.byteLength(transfer(second, [second.buffer])),
    remote.bytes(3000),
  ]);
  assert.deepEqual(answers.slice(0, 3), [1000, 'between', 2000]);
  assert.equal((answers[3] as Uint8Array).byteLength, 3000);
  assert.equal(first.byteLength, 0);
  assert.equal(second.byteLength, 0);
});

test('a callback wrapped in proxy is called in order', async () => {
  const { remote } = connect();
  const seen: number[] = [];
  assert.equal(
    await remote.each(
      20,
      proxy((at: number) => void seen.push(at)),
    ),
    20,
  );
  assert.deepEqual(
    seen,
    Array.from({ length: 20 }, (_, at) => at),
  );
});

test('an argument that cannot be cloned rejects its own call and no other of the tick', async () => {
  const { remote } = connect();
  const moved = new Uint8Array(10);
  const [before, bad, behind] = await Promise.allSettled([
    remote.byteLength(transfer(moved, [moved.buffer])),
    remote.echo(() => 1),
    remote.echo('fine'),
  ]);
  assert.deepEqual(before, { status: 'fulfilled', value: 10 });
  assert.equal(bad.status, 'rejected');
  assert.equal(bad.reason.name, 'DataCloneError');
  assert.deepEqual(behind, { status: 'fulfilled', value: 'fine' });
  assert.equal(await remote.echo('next'), 'next');
});

test('a result that cannot be cloned rejects its own call and no other of the tick', async () => {
  const { remote } = connect();
  const [bad, fine] = await Promise.allSettled([remote.uncloneable(), remote.echo(1)]);
  assert.equal(bad.status, 'rejected');
  assert.equal(bad.reason.name, 'DataCloneError');
  assert.deepEqual(fine, { status: 'fulfilled', value: 1 });
});

test('a listener that was removed hears nothing more', async () => {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  const [sender, receiver] = [new CoalescingEndpoint(port1), new CoalescingEndpoint(port2)];
  const heard: string[] = [];
  const first = () => void heard.push('first');
  const both = new Promise<void>((resolve) => {
    receiver.addEventListener('message', first);
    receiver.addEventListener('message', ({ data }) => {
      heard.push(String(data));
      receiver.removeEventListener('message', first);
      if (data === 2) resolve();
    });
  });
  sender.postMessage(1);
  sender.postMessage(2);
  await both;
  assert.deepEqual(heard, ['first', '1', '2']);
});
