// The handshake with every message in every order, on both sides.
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { SidecarError } from '../../src/protocol/index.js';
import { Connection } from '../../src/server/connection.js';
import type { Handlers } from '../../src/server/context.js';
import { createServices } from '../../src/server/services.js';
import { frame } from '../../src/transport/frame-writer.js';
import { createNonce, proofOf } from '../../src/transport/proof.js';
import type { LaunchOptions } from '../../worker/contract.js';
import { Failure } from '../../worker/failure.js';
import { shakeHands } from '../../worker/handshake.js';
import { Lane } from '../../worker/lane.js';
import { Session } from '../../worker/session.js';
import { TailRouter } from '../../worker/tail-router.js';
import { record, scaled } from '../support/figures.js';
import { collectingReader } from '../support/wire.js';

const TOKEN = 'the token of both sides';
const client = { name: 'test', version: '1' };
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** What one attempt knows of itself, and of a session before it. */
interface Known {
  nonce: string;
  serverNonce: string;
  serverProof: string;
  earlierProof: string;
}

const notify = (method: string, params?: unknown) => JSON.stringify({ jsonrpc: '2.0', method, params });
const initialize = (params: object) =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: 'i',
    method: 'initialize',
    params: { protocolVersion: 1, client, processId: null, ...params },
  });
const initialized = (proof: unknown) => notify('initialized', { proof });

/** I opens the session, P proves the token, C is a call: only after I and P, and nothing else, may C be carried out. */
const MESSAGES: Record<string, (known: Known) => string> = {
  I: ({ nonce }) => initialize({ nonce }),
  P: ({ nonce, serverNonce }) => initialized(proofOf('client', TOKEN, nonce, serverNonce)),
  C: () => JSON.stringify({ jsonrpc: '2.0', id: 'c', method: 'system.ping' }),
  'I without nonce': () => initialize({}),
  'I of another version': ({ nonce }) => initialize({ nonce, protocolVersion: 2 }),
  'no proof': () => notify('initialized'),
  'wrong proof': () => initialized('0'.repeat(64)),
  'reflected proof': ({ serverProof }) => initialized(serverProof),
  'replayed proof': ({ earlierProof }) => initialized(earlierProof),
  'swapped nonces': ({ nonce, serverNonce }) => initialized(proofOf('client', TOKEN, serverNonce, nonce)),
  'another token': ({ nonce, serverNonce }) => initialized(proofOf('client', 'another', nonce, serverNonce)),
  'cut proof': ({ nonce, serverNonce }) => initialized(proofOf('client', TOKEN, nonce, serverNonce).slice(1)),
  'batched call': () => JSON.stringify([{ jsonrpc: '2.0', id: 'b', method: 'system.ping' }]),
};
const NAMES = Object.keys(MESSAGES);
const CALLS = ['C', 'batched call'];

class Attempt {
  readonly known: Known = {
    nonce: createNonce(),
    serverNonce: createNonce(),
    serverProof: '',
    earlierProof: '',
  };
  readonly #input = new PassThrough();
  readonly #output = new PassThrough();
  calls = 0;
  ended = false;
  /** Answers that a call got, as results. */
  results = 0;

  constructor(earlierProof: string) {
    this.known.earlierProof = earlierProof;
    const { reader, bodies } = collectingReader();
    this.#output.on('data', (chunk: Buffer) => {
      reader.push(chunk);
      for (const body of bodies.splice(0)) for (const one of [JSON.parse(body)].flat()) this.#answered(one);
    });
    const handlers = {
      'system.ping': () => {
        this.calls++;
        return { pong: true, timestamp: 0 };
      },
    };
    const info = { kind: 'local', id: '0'.repeat(32), name: 'test' };
    const connection = new Connection({
      input: this.#input,
      output: this.#output,
      handlers: handlers as unknown as Handlers,
      services: createServices({ cwd: '/', log: () => {}, openAccount: async () => ({ info }) as never }),
      token: TOKEN,
      maxBodyBytes: 1024 * 1024,
    });
    connection.listen();
    void connection.ended.then(() => {
      this.ended = true;
    });
  }

  #answered({ id, result }: { id: unknown; result?: { nonce?: string; proof?: string } }): void {
    if (result === undefined) return;
    if (id === 'c' || id === 'b') this.results++;
    if (id !== 'i') return;
    this.known.serverNonce = result.nonce ?? '';
    this.known.serverProof = result.proof ?? '';
  }

  async send(text: string): Promise<void> {
    this.#input.write(text);
    for (let i = 0; i < 3; i++) await turn();
  }
}

async function attempt(names: readonly string[], earlierProof: string): Promise<string | undefined> {
  const one = new Attempt(earlierProof);
  // Calls before `initialize` are refused and change nothing.
  let stage: 'new' | 'opened' | 'proven' | 'lost' = 'new';
  let allowed = 0;
  for (const name of names) {
    await one.send(frame((MESSAGES[name] as (known: Known) => string)(one.known)));
    if (CALLS.includes(name)) {
      if (stage === 'proven') allowed++;
      if (stage === 'opened') stage = 'lost';
    } else if (name === 'I' && stage === 'new') stage = 'opened';
    else if (name === 'P' && stage === 'opened') stage = 'proven';
    else stage = 'lost';
  }
  if (one.calls === allowed && one.results === allowed && one.ended === (stage === 'lost')) return undefined;
  return `${names.join(', ')}: ${one.calls} calls carried out, ${allowed} allowed; ended: ${one.ended}`;
}

test('the server carries out a call after the one right sequence only, of every sequence there is', async () => {
  const before = new Attempt('');
  await before.send(frame(initialize({ nonce: before.known.nonce })));
  const earlierProof = proofOf('client', TOKEN, before.known.nonce, before.known.serverNonce);
  const sequences: string[][] = [];
  const extend = (names: string[], length: number) => {
    if (length === 0) sequences.push([...names, 'C']);
    else for (const name of NAMES) extend([...names, name], length - 1);
  };
  for (const length of [0, 1, 2, 3]) extend([], length);
  // Those of four are many: all of them in a long run.
  const longer: string[][] = [];
  const short = sequences.splice(0);
  extend([], 4);
  const stride = Math.max(1, Math.round(sequences.length / scaled(sequences.length)));
  for (let i = 0; i < sequences.length; i += stride) longer.push(sequences[i] as string[]);
  const wrong: string[] = [];
  for (const names of [...short, ...longer]) {
    const fault = await attempt(names, earlierProof);
    if (fault !== undefined) wrong.push(fault);
  }
  record({
    test: `handshakes, server: ${short.length + longer.length} sequences of ${NAMES.length} messages`,
    goal: '0 wrong ones accepted',
    reached: `${wrong.length} accepted`,
  });
  assert.deepEqual(wrong.slice(0, 5), []);
});

test('a handshake cut short at any byte carries nothing out', async () => {
  const one = new Attempt('');
  const whole = frame(MESSAGES.I?.(one.known) ?? '');
  for (let length = 1; length < whole.length; length++) {
    const cut = new Attempt('');
    await cut.send(whole.slice(0, length));
    // What follows is read as the rest of it, or breaks the frame.
    await cut.send(frame(MESSAGES.P?.(cut.known) ?? '') + frame(MESSAGES.C?.(cut.known) ?? ''));
    assert.equal(cut.calls, 0, `cut at ${length}`);
  }
});

const account = { kind: 'local', id: '0'.repeat(32), name: 'x' };
const good = { protocolVersion: 1, server: { name: 's', version: '1' }, account };

/** Answers to `initialize` from a peer that does not know the token, or got it wrong. */
const IMPOSTORS: Record<string, (nonce: string) => unknown> = {
  'no nonce, no proof': () => good,
  'no proof': () => ({ ...good, nonce: createNonce() }),
  'no nonce': (nonce) => ({ ...good, proof: proofOf('server', TOKEN, nonce, '') }),
  'a proof at random': () => ({ ...good, nonce: createNonce(), proof: createNonce().repeat(2) }),
  'an empty proof': () => ({ ...good, nonce: createNonce(), proof: '' }),
  'a proof of another token': (nonce) => prove('server', 'another', nonce, createNonce()),
  'a proof in the role of the client': (nonce) => prove('client', TOKEN, nonce, createNonce()),
  'a proof over the nonces in the other order': (nonce) => {
    const own = createNonce();
    return { ...good, nonce: own, proof: proofOf('server', TOKEN, own, nonce) };
  },
  'a proof of an earlier session, replayed': () => prove('server', TOKEN, createNonce(), createNonce()),
  "the client's own nonce, reflected": (nonce) => ({ ...good, nonce, proof: nonce.repeat(2) }),
  'a cut proof': (nonce) => cut(prove('server', TOKEN, nonce, createNonce()), (proof) => proof.slice(1)),
  'a proof in capitals': (nonce) =>
    cut(prove('server', TOKEN, nonce, createNonce()), (proof) => `${proof.toUpperCase()}`),
  'a proof in an array': (nonce) => cut(prove('server', TOKEN, nonce, createNonce()), (proof) => [proof]),
  'another version': (nonce) => ({
    ...(prove('server', TOKEN, nonce, createNonce()) as object),
    protocolVersion: 2,
  }),
  nothing: () => null,
  'an array': () => [],
};

function prove(role: 'server' | 'client', token: string, clientNonce: string, serverNonce: string) {
  return { ...good, nonce: serverNonce, proof: proofOf(role, token, clientNonce, serverNonce) };
}

function cut(answer: { proof: string }, change: (proof: string) => unknown) {
  return { ...answer, proof: change(answer.proof) };
}

/** The library's side, against one answer. @returns what it made of it, and whether it gave its own proof away */
async function greet(answerTo: (nonce: string) => unknown): Promise<{ outcome: unknown; proofs: number }> {
  const stdin = new PassThrough();
  const { reader, bodies } = collectingReader();
  const lane = new Lane({ postMessage: () => {} } as never);
  const tails = new TailRouter(
    lane,
    () => {},
    () => {},
  );
  const session = new Session({ stdin, lane, tails, maxBodyBytes: 1024 * 1024, onFault: () => {} });
  let proofs = 0;
  stdin.on('data', (chunk: Buffer) => {
    reader.push(chunk);
    for (const body of bodies.splice(0)) {
      const { id, method, params } = JSON.parse(body);
      if (method === 'initialized') proofs++;
      else
        session.read(
          Buffer.from(frame(JSON.stringify({ jsonrpc: '2.0', id, result: answerTo(params.nonce) }))),
        );
    }
  });
  const options = { protocolVersion: 1, client, authToken: TOKEN, startTimeoutMs: 5000 } as LaunchOptions;
  const outcome = await shakeHands(session, 1, options).then(
    () => 'accepted',
    (error: unknown) => error,
  );
  for (let i = 0; i < 3; i++) await turn();
  session.close();
  return { outcome, proofs };
}

test('the library accepts no server that does not prove the token, and proves its own to none', async () => {
  const right = await greet((nonce) => prove('server', TOKEN, nonce, createNonce()));
  assert.deepEqual(right, { outcome: 'accepted', proofs: 1 });
  let accepted = 0;
  for (const [name, answerTo] of Object.entries(IMPOSTORS)) {
    const { outcome, proofs } = await greet(answerTo);
    if (outcome === 'accepted' || proofs > 0) accepted++;
    assert.ok(outcome instanceof Failure, name);
    assert.ok(['authentication-failed', 'version-mismatch', 'protocol-error'].includes(outcome.code), name);
    assert.ok(!new SidecarError(outcome.code, outcome.message).message.includes(TOKEN), name);
  }
  record({
    test: `handshakes, library: ${Object.keys(IMPOSTORS).length} kinds of wrong server`,
    goal: '0 accepted',
    reached: `${accepted} accepted`,
  });
});
