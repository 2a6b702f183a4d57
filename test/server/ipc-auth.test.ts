import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { afterEach, test } from 'node:test';
import { isProof, proofOf } from '../../src/transport/proof.js';
import { initializeParams, newNonce, WireBench, type WireCli } from '../support/wire-cli.js';

const TOKEN = 'a token that nobody may see';
const bench = new WireBench();
afterEach(() => bench.close());

/** `initialize` with a nonce, and the proof that the server then expects of us. */
async function open(
  cli: WireCli,
): Promise<{ nonce: string; serverNonce: string; proof: string; theirs: string }> {
  const nonce = newNonce();
  const { result } = await cli.initialize(nonce);
  const { nonce: serverNonce, proof: theirs } = result as { nonce: string; proof: string };
  return { nonce, serverNonce, theirs, proof: proofOf('client', TOKEN, nonce, serverNonce) };
}

/** The next message refuses for lack of a proof, and then the session is over. */
async function expectRefusal(cli: WireCli): Promise<void> {
  const { error } = await cli.inbox.next();
  assert.equal(error?.code, -32001);
  assert.equal(error?.data?.code, 'authentication-failed');
  // Not one more call is carried out.
  cli.request(77, 'system.ping');
  assert.deepEqual(await cli.ended(), { code: 1, signal: null });
  assert.equal(cli.inbox.size, 0);
}

for (const way of ['--auth-fd', '--auth-stdin'] as const) {
  const start = async (behind = '') => {
    if (way === '--auth-fd') return bench.start({ token: TOKEN });
    const cli = await bench.start({ args: ['--auth-stdin'] });
    cli.sendBytes(`${TOKEN}${behind}\n`);
    return cli;
  };

  test(`${way}: both sides prove the token, then calls are answered`, async () => {
    const cli = await start();
    const { nonce, serverNonce, proof, theirs } = await open(cli);
    assert.ok(isProof(theirs, 'server', TOKEN, nonce, serverNonce));
    cli.notify('initialized', { proof });
    assert.ok((await cli.call(1, 'system.ping')).result);
  });

  test(`${way}: the token is in nobody's argv, environment or error`, async () => {
    const cli = await start();
    cli.notify('initialized', { proof: (await open(cli)).proof });
    await cli.call(1, 'system.ping');
    for (const file of ['cmdline', 'environ']) {
      assert.ok(!(await readFile(`/proc/${cli.pid}/${file}`, 'latin1')).includes(TOKEN));
    }
    assert.ok(!JSON.stringify(await cli.call(2, 'nope')).includes(TOKEN));
    assert.equal(cli.stderr, '');
  });
}

test('--auth-stdin takes a token of a Windows line, in pieces, and frames right behind it', async () => {
  const cli = await bench.start({ args: ['--auth-stdin'] });
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { ...initializeParams, nonce: newNonce() },
  });
  const bytes = Buffer.from(`${TOKEN}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  for (const byte of bytes) cli.sendBytes(Buffer.from([byte]));
  const nonce = JSON.parse(body).params.nonce as string;
  const { result } = await cli.inbox.next();
  assert.ok(isProof(result?.proof, 'server', TOKEN, nonce, String(result?.nonce)));
});

test('initialized may follow with calls in one write', async () => {
  const cli = await bench.start({ token: TOKEN });
  const { proof } = await open(cli);
  cli.notify('initialized', { proof });
  for (const id of [1, 2, 3]) cli.request(id, 'system.ping');
  for (const id of [1, 2, 3]) assert.equal((await cli.inbox.next()).id, id);
});

test('initialize without a nonce is refused', async () => {
  const cli = await bench.start({ token: TOKEN });
  cli.request(1, 'initialize', initializeParams);
  await expectRefusal(cli);
});

test('a call between initialize and the proof is refused', async () => {
  const cli = await bench.start({ token: TOKEN });
  await open(cli);
  cli.request(2, 'dashboard.listWorkers');
  await expectRefusal(cli);
});

test('a call sent with initialize, before its answer, is refused', async () => {
  const cli = await bench.start({ token: TOKEN });
  cli.request(1, 'initialize', { ...initializeParams, nonce: newNonce() });
  cli.request(2, 'dashboard.listWorkers');
  let answer = await cli.inbox.next();
  if (answer.id === 1) answer = await cli.inbox.next();
  assert.equal(answer.id, 2);
  assert.equal(answer.error?.code, -32001);
  assert.equal((await cli.ended()).code, 1);
});

test('initialized before initialize is refused', async () => {
  const cli = await bench.start({ token: TOKEN });
  cli.notify('initialized', { proof: 'a'.repeat(64) });
  await expectRefusal(cli);
});

const WRONG: Readonly<Record<string, (opened: Awaited<ReturnType<typeof open>>) => unknown>> = {
  'none at all': () => undefined,
  'no proof': () => ({}),
  'a wrong proof': () => ({ proof: 'a'.repeat(64) }),
  'the proof of another token': ({ nonce, serverNonce }) => ({
    proof: proofOf('client', 'another', nonce, serverNonce),
  }),
  "the server's own proof, reflected": ({ theirs }) => ({ proof: theirs }),
  'the proof with the nonces swapped': ({ nonce, serverNonce }) => ({
    proof: proofOf('client', TOKEN, serverNonce, nonce),
  }),
  'a proof in capitals': ({ proof }) => ({ proof: proof.toUpperCase() }),
  'a proof that is cut': ({ proof }) => ({ proof: proof.slice(1) }),
  'a proof that is an array': ({ proof }) => ({ proof: [proof] }),
  'positional params': ({ proof }) => [proof],
  'a proof beside something else': ({ proof }) => ({ proof, more: true }),
};

for (const [name, params] of Object.entries(WRONG)) {
  test(`initialized is refused with ${name}`, async () => {
    const cli = await bench.start({ token: TOKEN });
    cli.notify('initialized', params(await open(cli)));
    await expectRefusal(cli);
  });
}

test('a proof of an earlier session is refused in the next', async () => {
  const first = await bench.start({ token: TOKEN });
  const { nonce, proof } = await open(first);
  first.notify('initialized', { proof });
  assert.ok((await first.call(1, 'system.ping')).result);
  const second = await bench.start({ token: TOKEN });
  await second.initialize(nonce);
  second.notify('initialized', { proof });
  await expectRefusal(second);
});

test('initialized a second time is refused', async () => {
  const cli = await bench.start({ token: TOKEN });
  const { proof } = await open(cli);
  cli.notify('initialized', { proof });
  assert.ok((await cli.call(1, 'system.ping')).result);
  cli.notify('initialized', { proof });
  await expectRefusal(cli);
});

test('initialize a second time is refused, before and after the proof', async () => {
  for (const proven of [false, true]) {
    const cli = await bench.start({ token: TOKEN });
    const { proof } = await open(cli);
    if (proven) cli.notify('initialized', { proof });
    cli.request(2, 'initialize', { ...initializeParams, nonce: newNonce() });
    assert.ok((await cli.inbox.next()).error);
    assert.equal((await cli.ended()).code, 1);
  }
});

test('a proof in a batch with calls counts for those behind it', async () => {
  const cli = await bench.start({ token: TOKEN });
  const { proof } = await open(cli);
  cli.send([
    { jsonrpc: '2.0', method: 'initialized', params: { proof } },
    { jsonrpc: '2.0', id: 1, method: 'system.ping' },
  ]);
  assert.ok((await cli.inbox.nextBatch())[0]?.result);
});

test('an empty token is refused at the start', async () => {
  const cli = await bench.start({ token: '' });
  assert.equal((await cli.ended()).code, 2);
  const other = await bench.start({ args: ['--auth-stdin'] });
  other.sendBytes('\n');
  assert.equal((await other.ended()).code, 2);
});
