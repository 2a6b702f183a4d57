import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { initializeParams, WireBench, type WireCli } from '../support/wire-cli.js';

// One session for all of them: after each fault below the next call must work, and does so here.
const bench = new WireBench();
let cli: WireCli;
let lastId = 1000;
before(async () => {
  cli = await bench.startReady({ args: ['--max-body-bytes', '200000'] });
});
after(() => bench.close());

/** Calls `system.ping` and expects nothing else to have been sent before its answer. */
async function expectPing(): Promise<void> {
  const id = ++lastId;
  const answer = await cli.call(id, 'system.ping', { payload: id });
  assert.equal(answer.id, id);
  assert.equal(answer.result?.payload, id);
}

test('ping gives its payload back unchanged', async () => {
  for (const payload of [null, 0, '', 'é€𝄞\u0000\u2028', [], { a: [{ b: null }] }, [[[[1.5e-7]]]]]) {
    const answer = await cli.call(1, 'system.ping', { payload });
    assert.deepEqual(answer.result?.payload, payload);
    assert.equal(answer.result?.pong, true);
  }
});

test('ids come back as they were sent', async () => {
  for (const id of [0, -1, 2 ** 53 - 1, '', '0', 'é"\\\n']) {
    assert.equal((await cli.call(id, 'system.ping')).id, id);
  }
});

test('an unknown method is refused with the names there are', async () => {
  for (const method of [
    'nope',
    'toString',
    '__proto__',
    'constructor',
    'system.Ping',
    '$/nope',
    'shutdown',
  ]) {
    const { id, error } = await cli.call(7, method, {});
    assert.equal(id, 7);
    assert.equal(error?.code, -32601);
    assert.equal(error?.data?.code, 'method-not-found');
    assert.match(error?.message ?? '', /system\.ping/);
    assert.doesNotMatch(error?.message ?? '', /initialize/, 'which is no call of a user');
  }
  await expectPing();
});

test('params that do not fit are refused with every place that does not', async () => {
  const { error } = await cli.call(8, 'dashboard.createR2Bucket', { name: 'X', unknown: 1, storageClass: 3 });
  assert.equal(error?.code, -32602);
  assert.equal(error?.data?.code, 'invalid-params');
  const paths = (error?.data?.issues as { path: string }[] | undefined)?.map(({ path }) => path);
  assert.deepEqual(paths?.sort(), ['', 'name', 'storageClass']);
  await expectPing();
});

test('positional params are refused', async () => {
  const { error } = await cli.call(9, 'system.ping', [1]);
  assert.equal(error?.code, -32602);
  await expectPing();
});

test('what is no JSON-RPC 2.0 message is refused with its id where it has a good one', async () => {
  for (const [message, id] of [
    [{ jsonrpc: '2.0', id: null, method: 'system.ping' }, null],
    [{ jsonrpc: '2.0', id: 1.5, method: 'system.ping' }, 1.5],
    [{ jsonrpc: '2.0', id: 2 ** 53, method: 'system.ping' }, null],
    [{ jsonrpc: '2.0', id: {}, method: 'system.ping' }, null],
    [{ jsonrpc: '1.0', id: 4, method: 'system.ping' }, 4],
    [{ id: 'x', method: 'system.ping' }, 'x'],
    [{ jsonrpc: '2.0', id: 5, method: 6 }, 5],
    [{ jsonrpc: '2.0', id: 6, method: 'system.ping', params: 'text' }, 6],
    [{ jsonrpc: '2.0', id: 6, method: 'system.ping', params: null }, 6],
    [{}, null],
    [null, null],
    [42, null],
    ['system.ping', null],
  ] as const) {
    cli.send(message);
    const answer = await cli.inbox.next();
    assert.equal(answer.error?.code, -32600, JSON.stringify(message));
    assert.equal(answer.error?.data?.fault, 'message-invalid');
    assert.equal(answer.id, id, JSON.stringify(message));
  }
  await expectPing();
});

test('a body that is not JSON or not UTF-8 is a parse error, and the session goes on', async () => {
  for (const body of [
    '{',
    'hello',
    '\ufeff{}',
    '{"jsonrpc":"2.0",}',
    ' ',
    'NaN',
    Buffer.from([0x22, 0xff, 0x22]),
  ]) {
    cli.sendBody(body);
    const { id, error } = await cli.inbox.next();
    assert.equal(id, null);
    assert.equal(error?.code, -32700);
    assert.equal(error?.data?.code, 'parse-error');
  }
  await expectPing();
});

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
const pingOf = (id: unknown, depth: number) =>
  `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"system.ping","params":{"payload":${nested(depth)}}}`;

test('params that nest too deep are refused under the id of their request, and the deepest that fit come back', async () => {
  for (const [id, depth] of [
    [1, 255],
    ['two', 256],
    [3, 50_000],
    [-4, 90_000],
  ] as const) {
    cli.sendBody(pingOf(id, depth));
    const answer = await cli.inbox.next();
    assert.equal(answer.id, id);
    assert.equal(answer.error?.code, -32602);
    assert.equal(answer.error?.data?.fault, 'depth-exceeded');
  }
  // A request that nobody waits for, and one in another form.
  cli.sendBody(`{"jsonrpc":"2.0","method":"$/setTrace","params":{"value":${nested(5000)}}}`);
  cli.sendBody(`{"params":{"payload":${nested(5000)}},"method":"system.ping","id":"last","jsonrpc":"2.0"}`);
  assert.equal((await cli.inbox.next()).id, 'last');
  cli.sendBody(pingOf(5, 254));
  assert.equal(JSON.stringify((await cli.inbox.next()).result?.payload), nested(254));
});

test('a message of a batch that nests too deep is refused, and its neighbours are answered', async () => {
  cli.sendBody(`[${pingOf(1, 254)},${pingOf(2, 255)},${pingOf(3, 10_000)},${pingOf(4, 1)}]`);
  const answers = (await cli.inbox.nextBatch()).sort((a, b) => Number(a.id) - Number(b.id));
  assert.deepEqual(
    answers.map(({ id, error }) => [id, error?.data?.fault]),
    [
      [1, undefined],
      [2, 'depth-exceeded'],
      [3, 'depth-exceeded'],
      [4, undefined],
    ],
  );
  await expectPing();
});

test('a body that is broken or over the limit is refused under its id where that can be read', async () => {
  const head = (id: number) => `{"jsonrpc":"2.0","id":${id},"method":"system.ping","params":{"payload":`;
  const faults: [string | Buffer, number | null, string, string][] = [
    [`${head(11)}nonsense}}`, 11, 'parse-error', 'json-invalid'],
    [head(12), 12, 'parse-error', 'json-invalid'],
    [Buffer.from(`${head(13)}"\xff"}}`, 'latin1'), 13, 'parse-error', 'encoding-invalid'],
    [`${head(14)}"${'x'.repeat(200_000)}"}}`, 14, 'limit-exceeded', 'body-too-large'],
    [`${head(15)}"${'x'.repeat(5_000_000)}"}}`, 15, 'limit-exceeded', 'body-too-large'],
    [JSON.stringify({ params: 'x'.repeat(200_000), id: 16 }), null, 'limit-exceeded', 'body-too-large'],
    ['x'.repeat(200_001), null, 'limit-exceeded', 'body-too-large'],
  ];
  for (const [body, expectedId, code, fault] of faults) {
    cli.sendBody(body);
    const { id, error } = await cli.inbox.next();
    assert.deepEqual([id, error?.data?.code, error?.data?.fault], [expectedId, code, fault]);
    await expectPing();
  }
});

test('a response and an unknown notification are ignored', async () => {
  cli.send({ jsonrpc: '2.0', id: 1, result: {} });
  cli.send({ jsonrpc: '2.0', id: null, error: { code: -1, message: 'x' } });
  cli.notify('textDocument/didOpen', {});
  cli.notify('$/cancelRequest', { id: 'never made' });
  cli.notify('$/cancelRequest', 'nonsense' as never);
  cli.notify('tail/credit', { tailId: 'no such', bytes: 1 });
  cli.notify('tail/credit', { tailId: 'no such', bytes: -1 });
  // Params that are no object are no notification at all.
  assert.equal((await cli.inbox.next()).error?.code, -32600);
  await expectPing();
});

test('a batch is answered as one array, notifications and responses without an answer', async () => {
  cli.send([
    { jsonrpc: '2.0', id: 'a', method: 'system.ping', params: { payload: 1 } },
    { jsonrpc: '2.0', method: '$/cancelRequest', params: { id: 99 } },
    { jsonrpc: '2.0', id: 5, result: 'nobody asked' },
    { jsonrpc: '2.0', id: 'b', method: 'nope' },
    1,
    { foo: 'boo' },
    [],
    { jsonrpc: '2.0', id: 'c', method: 'dashboard.listWorkers' },
    { jsonrpc: '2.0', id: null, method: 'system.ping' },
  ]);
  const answers = await cli.inbox.nextBatch();
  const byId = Object.fromEntries(
    answers.filter(({ id }) => id !== null).map((answer) => [answer.id, answer]),
  );
  assert.equal(byId.a?.result?.payload, 1);
  assert.equal(byId.b?.error?.code, -32601);
  assert.deepEqual(byId.c?.result, []);
  const anonymous = answers.filter(({ id }) => id === null).map(({ error }) => error?.code);
  assert.deepEqual(anonymous, [-32600, -32600, -32600, -32600]);
  assert.equal(answers.length, 7);
  await expectPing();
});

test('an empty batch is one error, a batch of nothing to answer is answered with nothing', async () => {
  cli.send([]);
  const { id, error } = await cli.inbox.next();
  assert.equal(id, null);
  assert.equal(error?.code, -32600);
  cli.send([
    { jsonrpc: '2.0', method: 'initialized' },
    { jsonrpc: '2.0', method: 'whatever' },
    { jsonrpc: '2.0', id: 1, result: 1 },
  ]);
  await expectPing();
});

test('a batch of more messages than are kept is one error', async () => {
  cli.send(Array.from({ length: 20_000 }, () => 1));
  const { id, error } = await cli.inbox.next();
  assert.equal(id, null);
  assert.equal(error?.code, -32600);
  assert.match(error?.message ?? '', /20000/);
  await expectPing();
});

test('a result over the limit fails its call alone', async () => {
  const params = { payload: 'x'.repeat(199_925) };
  const { error } = await cli.call(3, 'system.ping', params);
  assert.equal(error?.code, -32004);
  assert.equal(error?.data?.code, 'result-too-large');
  assert.equal(error?.data?.limitBytes, 200_000);
  await expectPing();
});

test('answers of a batch that are too large together fail those there is no room for', async () => {
  const payload = 'x'.repeat(60_000);
  cli.send([1, 2, 3].map((id) => ({ jsonrpc: '2.0', id, method: 'system.ping', params: { payload } })));
  assert.equal((await cli.inbox.nextBatch()).filter(({ result }) => result !== undefined).length, 3);
  // A number that is longer where it is written again.
  const growing = (count: number) => `[${'1e20,'.repeat(count)}0]`;
  const pings = [3000, 3000, 8000, 1, 4000, 1].map(
    (count, id) =>
      `{"jsonrpc":"2.0","id":${id},"method":"system.ping","params":{"payload":${growing(count)}}}`,
  );
  cli.sendBody(`[${pings.join(',')}]`);
  const answers = await cli.inbox.nextBatch();
  assert.deepEqual(
    answers.map(({ id, error }) => [id, error?.data?.code]),
    [
      [0, undefined],
      [1, undefined],
      [2, 'result-too-large'],
      [3, undefined],
      [4, 'result-too-large'],
      [5, undefined],
    ],
  );
  // Errors too take room; a batch that has none for one each is refused whole.
  const longId = (at: number) => `${at}${'x'.repeat(1850)}`;
  cli.send(
    Array.from({ length: 100 }, (_, at) => ({ jsonrpc: '2.0', id: longId(at), method: 'system.ping' })),
  );
  const refused = await cli.inbox.next();
  assert.deepEqual([refused.id, refused.error?.code], [null, -32600]);
  await expectPing();
});

test('an error that would be over the limit itself is told by its code', async () => {
  const { id, error } = await cli.call(4, '"'.repeat(90_000), {});
  assert.equal(id, 4);
  assert.equal(error?.data?.code, 'method-not-found');
  // An id that has just room with an error, and one that has none.
  for (const [length, fits] of [
    [99_700, true],
    [99_930, false],
  ] as const) {
    const long = '"'.repeat(length);
    cli.send({ jsonrpc: '2.0', id: long, method: 'nope' });
    const answer = await cli.inbox.next();
    assert.equal(answer.error?.data?.code, 'method-not-found');
    assert.equal(answer.id, fits ? long : null);
  }
  const name = `unknown ${'"'.repeat(90_000)}`;
  const params = await cli.call(5, 'system.ping', { [name]: 1 });
  assert.equal(params.error?.data?.code, 'invalid-params');
  assert.match(params.error?.message ?? '', /unknown/);
  await expectPing();
});

test('every method of the contract is discovered', async () => {
  const { methods } = await import('../../src/protocol/index.js');
  const answer = await cli.call(5, 'rpc.discover');
  assert.match(String(answer.result?.openrpc), /^1\./);
  const names = (answer.result?.methods as { name: string }[] | undefined)?.map(({ name }) => name);
  assert.deepEqual(names?.sort(), Object.keys(methods).sort());
});

test('calls that come in one write are all answered, each once', async () => {
  const ids = Array.from({ length: 2000 }, (_, at) => at);
  const bodies = ids.map((id) => JSON.stringify({ jsonrpc: '2.0', id, method: 'system.ping' }));
  cli.sendBytes(bodies.map((body) => `Content-Length: ${body.length}\r\n\r\n${body}`).join(''));
  const answered: unknown[] = [];
  while (answered.length < ids.length) answered.push((await cli.inbox.next()).id);
  assert.deepEqual(answered, ids);
  await expectPing();
});

test('frames of LSP clients with a Content-Type are taken', async () => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 6, method: 'system.ping' });
  const type = 'Content-Type: application/vscode-jsonrpc; charset=utf-8';
  for (const byte of `Content-Length: ${body.length}\r\n${type}\r\n\r\n${body}`) cli.sendBytes(byte);
  assert.equal((await cli.inbox.next()).id, 6);
});

test('$/setTrace shows methods and ids, and off ends it', async () => {
  cli.notify('$/setTrace', { value: 'messages' });
  const messages = [await cli.call(11, 'system.ping'), await cli.inbox.next(), await cli.inbox.next()];
  const logged = messages.filter(({ method }) => method === '$/logTrace');
  assert.deepEqual(
    logged.map(({ params }) => params?.message),
    ['received request system.ping (11)', 'sending response (11)'],
  );
  cli.notify('$/setTrace', { value: 'off' });
  let message = await cli.call(12, 'system.ping');
  while (message.method === '$/logTrace') message = await cli.inbox.next();
  assert.equal(message.id, 12);
  await expectPing();
});

test('initialize a second time is refused and ends the session', async () => {
  const other = await bench.startReady();
  const { error } = await other.call(1, 'initialize', initializeParams);
  assert.equal(error?.code, -32600);
  assert.equal((await other.ended()).code, 1);
});
