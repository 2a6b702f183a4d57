import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox } from '../../bridge/outbox.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('messages of one tick are handed on together, in order, a line each', async () => {
  const sent: string[] = [];
  const outbox = new Outbox((bodies) => sent.push(bodies));
  outbox.add('1');
  outbox.add('2');
  await Promise.resolve();
  outbox.add('3');
  assert.deepEqual(sent, []);
  await turn();
  assert.deepEqual(sent, ['1\n2\n3']);
  outbox.add('4');
  await turn();
  assert.deepEqual(sent, ['1\n2\n3', '4']);
});

test('a burst begins to leave before its tick is over, in few messages', async () => {
  const sent: string[] = [];
  const outbox = new Outbox((bodies) => sent.push(bodies));
  const bodies = Array.from({ length: 2000 }, (_, at) => `{"id":${at},"text":"${'x'.repeat(80)}"}`);
  for (const body of bodies) outbox.add(body);
  assert.ok(sent.length >= 2);
  await turn();
  assert.ok((sent[0] as string).length < 8 * 1024 && sent.length < 10);
  assert.deepEqual(sent.join('\n').split('\n'), bodies);
});
