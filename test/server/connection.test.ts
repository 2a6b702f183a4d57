import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { afterEach, test } from 'node:test';
import type { Account, TailSink } from '../../src/accounts/account.js';
import { type CallableMethod, methods, Redactor, SidecarError } from '../../src/protocol/index.js';
import { Connection } from '../../src/server/connection.js';
import type { CallContext, Handlers } from '../../src/server/context.js';
import { frameBytes } from '../support/wire.js';
import { Inbox, initializeParams, within } from '../support/wire-cli.js';

type AnyHandler = (params: Record<string, unknown>, context: CallContext) => unknown;

const open: Connection[] = [];
afterEach(() => Promise.all(open.splice(0).map((connection) => connection.close())));

/**
 * A connection over pipes in memory, with `handlers` for the methods they name; the others are never called.
 * `accounts` answer first when the account is asked for.
 */
function connect(
  handlers: Partial<Record<CallableMethod, AnyHandler>> = {},
  account: Partial<Account> = {},
  accounts: (() => Account)[] = [],
) {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const log: string[] = [];
  const unused = () => assert.fail('not expected to be called');
  const all = Object.fromEntries(Object.keys(methods).map((name) => [name, unused]));
  const connection = new Connection({
    input,
    output,
    handlers: {
      ...all,
      'system.ping': () => ({ pong: true, timestamp: 1 }),
      ...handlers,
    } as unknown as Handlers,
    services: {
      account: async () =>
        accounts.shift()?.() ?? ({ info: { id: 'a', kind: 'local', name: 'test' }, ...account } as Account),
      cwd: '/',
      maxBodyBytes: 16 * 1024 * 1024,
      redactor: new Redactor([]),
      log: (line) => log.push(line),
    },
    maxBodyBytes: 1_000_000,
  });
  open.push(connection);
  connection.listen();
  const inbox = new Inbox(output);
  const send = (message: unknown) => input.write(frameBytes(JSON.stringify(message)));
  const request = (id: number, method: string, params?: unknown) =>
    send({ jsonrpc: '2.0', id, method, params });
  const notify = (method: string, params: unknown) => send({ jsonrpc: '2.0', method, params });
  const ready = async () => {
    request(0, 'initialize', initializeParams);
    assert.equal((await inbox.next()).id, 0);
  };
  return { connection, input, output, inbox, log, send, request, notify, ready };
}

/** A handler that waits until it is told to go on, or is cancelled. */
function waiting() {
  const started: (() => void)[] = [];
  const handler: AnyHandler = (_, { signal }) =>
    new Promise((resolve, reject) => {
      started.push(() => resolve([]));
      signal.addEventListener('abort', () => reject(new Error('aborted')));
    });
  return { handler, release: () => started.splice(0).forEach((go) => void go()) };
}

test('an id that is in flight already is refused, and the first call is still answered', async () => {
  const { handler, release } = waiting();
  const { request, inbox, ready } = connect({ 'dashboard.listWorkers': handler });
  await ready();
  request(1, 'dashboard.listWorkers');
  request(1, 'system.ping');
  const refused = await inbox.next();
  assert.equal(refused.id, 1);
  assert.equal(refused.error?.code, -32600);
  assert.match(refused.error?.message ?? '', /in flight/);
  release();
  assert.deepEqual((await inbox.next()).result, []);
  request(1, 'system.ping');
  assert.ok((await inbox.next()).result);
});

test('a cancelled call is answered with -32800, another of its method is not', async () => {
  const { handler, release } = waiting();
  const { request, notify, inbox, ready } = connect({ 'dashboard.listWorkers': handler });
  await ready();
  request(1, 'dashboard.listWorkers');
  request(2, 'dashboard.listWorkers');
  notify('$/cancelRequest', { id: 1 });
  const { id, error } = await inbox.next();
  assert.deepEqual([id, error?.code, error?.data?.code], [1, -32800, 'cancelled']);
  release();
  assert.equal((await inbox.next()).id, 2);
});

test('slow calls do not hold up quick ones', async () => {
  const { handler, release } = waiting();
  const { request, inbox, ready } = connect({ 'dashboard.listWorkers': handler });
  await ready();
  request(1, 'dashboard.listWorkers');
  request(2, 'system.ping');
  assert.equal((await inbox.next()).id, 2);
  release();
  assert.equal((await inbox.next()).id, 1);
});

test('what was read before the input ended is answered, then the connection ends', async () => {
  const { handler, release } = waiting();
  const { connection, input, request, inbox } = connect({ 'dashboard.listWorkers': handler });
  request(0, 'initialize', initializeParams);
  request(1, 'dashboard.listWorkers');
  input.end();
  assert.equal((await inbox.next()).id, 0);
  release();
  assert.deepEqual((await inbox.next()).result, []);
  assert.equal(await within('end', connection.ended), 'input-ended');
});

test('a shutdown before the end of the input is answered too', async () => {
  const { handler, release } = waiting();
  const { connection, input, request, inbox, ready } = connect({ 'dashboard.listWorkers': handler });
  await ready();
  request(1, 'dashboard.listWorkers');
  request(2, 'system.shutdown');
  input.end();
  setImmediate(release);
  assert.deepEqual([(await inbox.next()).id, (await inbox.next()).id], [1, 2]);
  assert.equal(await within('end', connection.ended), 'shutdown');
});

test('whatever a handler throws is an error of its call, with the stack in the log alone', async () => {
  const { request, inbox, log, ready } = connect({
    'dashboard.listWorkers': () => {
      throw new TypeError('a defect');
    },
    'dashboard.listR2Buckets': async () => {
      throw new SidecarError('rate-limited', 'slow down', { data: { retryAfterMs: 5 } });
    },
    'dashboard.listKvNamespaces': () => Promise.reject('no error at all'),
  });
  await ready();
  request(1, 'dashboard.listWorkers');
  const defect = (await inbox.next()).error;
  assert.deepEqual([defect?.code, defect?.data?.code], [-32603, 'internal-error']);
  assert.ok(!JSON.stringify(defect).includes('connection.test'));
  assert.match(log.join(), /connection\.test/);
  request(2, 'dashboard.listR2Buckets');
  assert.deepEqual((await inbox.next()).error?.data, { code: 'rate-limited', retryAfterMs: 5 });
  request(3, 'dashboard.listKvNamespaces');
  assert.equal((await inbox.next()).error?.code, -32603);
});

test('a result that does not fit the contract is an internal error, unknown keys are left out', async () => {
  const { request, inbox, ready } = connect({
    'dashboard.listWorkers': () => 'nonsense',
    'system.version': () => ({ version: '1', node: '20', protocol: 1, secret: 'x' }),
  });
  await ready();
  request(1, 'dashboard.listWorkers');
  assert.equal((await inbox.next()).error?.data?.code, 'internal-error');
  request(2, 'system.version');
  assert.deepEqual((await inbox.next()).result, { version: '1', node: '20', protocol: 1 });
});

test('progress carries the id of its call, and ends with a cancellation', async () => {
  const { request, notify, inbox, ready } = connect({
    'project.create': async (_, context) => {
      context.progress({ message: 'one' });
      await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
      context.progress({ message: 'two' });
      throw new Error('stopped');
    },
  });
  await ready();
  request(7, 'project.create', { name: 'a', path: '/tmp' });
  const progress = await inbox.next();
  assert.equal(progress.method, '$/progress');
  assert.deepEqual(progress.params, { token: 7, value: { message: 'one' } });
  notify('$/cancelRequest', { id: 7 });
  assert.equal((await inbox.next()).error?.code, -32800);
});

test('a shutdown waits for the calls in flight and takes no more', async () => {
  const { handler, release } = waiting();
  const { connection, request, inbox, ready } = connect({ 'dashboard.listWorkers': handler });
  await ready();
  request(1, 'dashboard.listWorkers');
  request(2, 'system.shutdown');
  request(3, 'system.ping');
  const refused = await inbox.next();
  assert.deepEqual([refused.id, refused.error?.code], [3, -32600]);
  release();
  assert.equal((await inbox.next()).id, 1);
  assert.equal((await inbox.next()).id, 2);
  assert.equal(await within('end', connection.ended), 'shutdown');
});

test('a batch waits for its slowest call', async () => {
  const { handler, release } = waiting();
  const { send, request, inbox, ready } = connect({ 'dashboard.listWorkers': handler });
  await ready();
  send([
    { jsonrpc: '2.0', id: 1, method: 'dashboard.listWorkers' },
    { jsonrpc: '2.0', id: 2, method: 'system.ping' },
  ]);
  request(3, 'system.ping');
  assert.equal((await inbox.next()).id, 3);
  release();
  const ids = (await inbox.nextBatch()).map(({ id }) => id);
  assert.deepEqual(ids.sort(), [1, 2]);
});

test('batches of a tail come behind the answer that names it', async () => {
  let sink: TailSink | undefined;
  const { request, inbox, ready } = connect(
    {},
    {
      async openTail(_, given) {
        sink = given;
        given.push('{"early":true}');
        return { close: async () => {} };
      },
    },
  );
  await ready();
  request(1, 'dashboard.tailLogs', { workerName: 'w' });
  const { tailId } = (await inbox.next()).result as { tailId: string };
  const batch = await inbox.next();
  assert.deepEqual(batch.params, { tailId, seq: 0, dropped: 0, events: [{ early: true }] });
  sink?.end('worker-deleted');
  assert.equal((await inbox.next()).params?.reason, 'worker-deleted');
  request(2, 'dashboard.stopTail', { tailId });
  assert.equal((await inbox.next()).error?.data?.code, 'not-found');
});

/** Every order of `items`. */
function orders<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, at) =>
    orders([...items.slice(0, at), ...items.slice(at + 1)]).map((rest) => [item, ...rest]),
  );
}

test('in whatever order and batches they come, calls are answered once, and nothing is named before its answer', async () => {
  const calls = ['dashboard.tailLogs', 'dashboard.listWorkers', 'system.ping', 'system.shutdown'];
  for (const order of orders(calls)) {
    // Where a new batch begins: all in one, each alone, and what is between.
    for (let cuts = 0; cuts < 8; cuts++) {
      const { handler, release } = waiting();
      const { connection, send, inbox, ready } = connect(
        { 'dashboard.listWorkers': handler },
        {
          async openTail(_, sink) {
            sink.push('{"early":true}');
            return { close: async () => {} };
          },
        },
      );
      await ready();
      const batches: unknown[][] = [[]];
      for (const [at, method] of order.entries()) {
        if (at > 0 && cuts & (1 << (at - 1))) batches.push([]);
        const params = method === 'dashboard.tailLogs' ? { workerName: 'w' } : {};
        batches.at(-1)?.push({ jsonrpc: '2.0', id: at, method, params });
      }
      for (const batch of batches) send(batch.length > 1 ? batch : batch[0]);
      const going = setInterval(release, 1);
      const reason = await within('end', connection.ended);
      await connection.close();
      await new Promise((resolve) => setImmediate(resolve));
      clearInterval(going);
      const frames = [];
      while (inbox.size > 0) frames.push(await inbox.nextAny());
      const what = `${order} cut ${cuts}: ${JSON.stringify(frames)}`;
      assert.equal(reason, 'shutdown', what);
      const answered: unknown[] = [];
      const named = new Set<unknown>();
      const told: string[] = [];
      for (const message of frames.flat()) {
        if (message.id !== undefined) answered.push(message.id);
        const { tailId } = (message.result ?? {}) as { tailId?: string };
        if (tailId !== undefined) named.add(tailId);
        if (message.method === undefined) continue;
        told.push(message.method);
        assert.ok(named.has(message.params?.tailId), what);
      }
      assert.deepEqual(answered.sort(), [0, 1, 2, 3], what);
      // One that was opened says all that it has, and its end.
      assert.deepEqual(told, named.size > 0 ? ['tail/batch', 'tail/end'] : [], what);
    }
  }
});

test('a batch with a call that never ends is answered all the same when the server shuts down', async (t) => {
  const { connection, send, inbox, ready } = connect({
    'dashboard.listWorkers': () => new Promise(() => {}),
  });
  await ready();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  send([
    { jsonrpc: '2.0', id: 1, method: 'dashboard.listWorkers' },
    { jsonrpc: '2.0', id: 2, method: 'system.shutdown' },
  ]);
  while (inbox.size === 0) {
    await new Promise((resolve) => setImmediate(resolve));
    t.mock.timers.tick(500);
  }
  t.mock.timers.reset();
  const [first, second] = await inbox.nextBatch();
  assert.deepEqual([first?.id, first?.error?.data?.code], [1, 'cancelled']);
  assert.deepEqual([second?.id, second?.result], [2, { success: true }]);
  assert.equal(await within('end', connection.ended), 'shutdown');
});

test('a tail that cannot be closed keeps no shutdown from ending', async () => {
  const { connection, request, inbox, ready } = connect(
    {},
    { openTail: async () => ({ close: () => Promise.reject(new Error('stuck')) }) },
  );
  await ready();
  request(1, 'dashboard.tailLogs', { workerName: 'w' });
  await inbox.next();
  request(2, 'system.shutdown');
  assert.equal((await inbox.next()).method, 'tail/end');
  assert.deepEqual((await inbox.next()).result, { success: true });
  assert.equal(await within('end', connection.ended), 'shutdown');
});

test('without an account initialize fails, no call is taken, and a second try may work', async () => {
  const accounts: (() => Account)[] = [
    () => {
      throw new SidecarError('credentials-missing', 'no token');
    },
  ];
  const { request, inbox } = connect({}, {}, accounts);
  request(1, 'initialize', initializeParams);
  assert.equal((await inbox.next()).error?.data?.code, 'credentials-missing');
  request(2, 'system.ping');
  assert.equal((await inbox.next()).error?.code, -32002);
  request(3, 'initialize', initializeParams);
  assert.ok((await inbox.next()).result);
  request(4, 'system.ping');
  assert.ok((await inbox.next()).result);
});

test('the end of the input, a broken stream and a gone client end the connection, each with its reason', async () => {
  const ended = connect();
  ended.input.end();
  assert.equal(await within('end', ended.connection.ended), 'input-ended');
  const broken = connect();
  broken.input.write('oops');
  assert.equal(await within('end', broken.connection.ended), 'protocol-error');
  const cut = connect();
  cut.input.end('Content-Length: 5\r\n\r\n{');
  assert.equal(await within('end', cut.connection.ended), 'protocol-error');
  const gone = connect();
  gone.output.destroy(new Error('EPIPE'));
  assert.equal(await within('end', gone.connection.ended), 'output-failed');
});

test('a client that takes no answers is not read on, and gets all of them once it does', async () => {
  const { input, output, inbox, request, ready } = connect({
    'system.ping': ({ payload }) => ({ pong: true, timestamp: 1, payload }),
  });
  await ready();
  output.pause();
  const COUNT = 100;
  const payload = 'x'.repeat(900_000);
  for (let id = 1; id <= COUNT; id++) request(id, 'system.ping', { payload });
  while (!input.isPaused()) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(output.writableLength < 40 * 1024 * 1024, `${output.writableLength} bytes are kept`);
  output.resume();
  for (let id = 1; id <= COUNT; id++) assert.equal((await inbox.next()).id, id);
  assert.ok(!input.isPaused());
});

test('closing twice is once', async () => {
  const { connection, ready } = connect();
  await ready();
  await connection.close();
  await connection.close();
});
