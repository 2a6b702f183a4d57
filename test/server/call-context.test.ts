import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallContext } from '../../src/server/call-context.js';

/** A context and the progress it has told. */
function create() {
  const told: unknown[] = [];
  const context = new CallContext(7, (_method, params) => told.push(params));
  return { context, told };
}

test('its members may be taken out of it by name', () => {
  const { context, told } = create();
  const { signal, progress } = context;
  progress({ message: 'half' });
  context.cancel();
  progress({ message: 'nobody listens any more' });
  assert.deepEqual([told, signal.aborted], [[{ token: 7, value: { message: 'half' } }], true]);
});

test('neither a spread of it nor a plain object is taken for a context or for what it holds', () => {
  const { context } = create();
  const wantsSignal = ({ signal }: { signal: AbortSignal }) => signal;
  // @ts-expect-error: the members are the class's, and a spread leaves them out
  assert.equal(wantsSignal({ ...context }), undefined);
  const wantsContext = ({ cancelled }: CallContext) => cancelled;
  // @ts-expect-error: a plain object has not what the server makes
  assert.equal(wantsContext({ signal: context.signal, progress: () => {} }), undefined);
});

test('a signal asked for after the cancellation is aborted, with its reason', () => {
  const { context } = create();
  context.cancel('why');
  assert.deepEqual([context.signal.aborted, context.signal.reason], [true, 'why']);
});

test('within a signal it is cancelled with it, before and later', () => {
  const aborter = new AbortController();
  const told: string[] = [];
  const context = CallContext.within(aborter.signal, ({ message }) => told.push(message));
  context.progress({ message: 'half' });
  aborter.abort('enough');
  assert.deepEqual([context.cancelled, context.signal.reason, told], [true, 'enough', ['half']]);
  assert.equal(CallContext.within(aborter.signal, () => {}).signal.reason, 'enough');
});
