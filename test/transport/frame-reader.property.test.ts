import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bodyText, parseJson } from '../../src/transport/body.js';
import { FrameError } from '../../src/transport/frame-error.js';
import { FrameReader } from '../../src/transport/frame-reader.js';
import { classify } from '../../src/transport/message.js';
import { chunksOf, collectingReader, frameBytes, frames, readAll } from '../support/wire.js';

// FUZZ_SEED replays a run, FUZZ_RUNS lengthens it.
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const runs = Number(process.env.FUZZ_RUNS ?? 1);
console.log(`# seed ${seed} (FUZZ_SEED=${seed} replays it)`);

const body = fc.oneof(
  fc.json(),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }),
  fc.string({ minLength: 1, maxLength: 40 }),
);
const cuts = fc.array(fc.nat(20_000), { maxLength: 30 });

test('any list of bodies in any chunking comes out equal', () => {
  fc.assert(
    fc.property(
      fc.array(body, { maxLength: 20 }),
      cuts,
      fc.boolean(),
      (bodies, places, acceptContentType) => {
        assert.deepEqual(readAll(chunksOf(frames(bodies), places), { acceptContentType }), bodies);
      },
    ),
    { seed, numRuns: 300 * runs },
  );
});

test('any bytes in any chunking are read or refused with a typed fault, and as one chunk would be', () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc
      .array(
        fc.constantFrom(
          'Content-Length: ',
          'content-type: a/b',
          '2',
          '10',
          '\r\n',
          '\r',
          '\n',
          '{}',
          'x',
          '\u00e9',
        ),
        { maxLength: 20 },
      )
      .map((parts) => Buffer.from(parts.join(''))),
  );
  const outcome = (chunks: readonly Buffer[], acceptContentType: boolean) => {
    const { reader, bodies } = collectingReader({ acceptContentType, maxBodyBytes: 1000 });
    try {
      for (const chunk of chunks) reader.push(chunk);
      reader.end();
      return { bodies, fault: undefined };
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      return { bodies, fault: error.fault };
    }
  };
  fc.assert(
    fc.property(noise, cuts, fc.boolean(), (bytes, places, acceptContentType) => {
      const whole = outcome([bytes], acceptContentType);
      assert.deepEqual(outcome(chunksOf(bytes, places), acceptContentType), whole);
    }),
    { seed, numRuns: 500 * runs },
  );
});

test('a changed, missing or added byte never brings out a message that was not sent', () => {
  const COUNT = 8;
  const sent = Array.from(
    { length: COUNT },
    (_, at) => `{"jsonrpc":"2.0","id":${at},"result":{"text":"${'line '.repeat(at)}"}}`,
  );
  const clean = frames(sent);
  const headerBytes = new Set<number>();
  let offset = 0;
  for (const text of sent) {
    const header = frameBytes(text).length - text.length;
    for (let at = 0; at < header; at++) headerBytes.add(offset + at);
    offset += header + text.length;
  }
  fc.assert(
    fc.property(
      fc.nat(clean.length - 1),
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom('change', 'remove', 'add'),
      (at, byte, kind) => {
        const bytes = damaged(clean, at, byte, kind);
        const { messages } = receive(bytes);
        // What is delivered is a message that was sent, as long as the damage is not inside one body's text.
        const altered = messages.filter((message) => !sent.includes(message));
        const inBody = kind === 'change' && !headerBytes.has(at);
        if (inBody) assert.ok(altered.length <= 1, `${altered.length} messages altered`);
        else assert.deepEqual(altered, []);
        // Nor is one delivered twice or out of order.
        const order = messages.filter((message) => sent.includes(message)).map((m) => sent.indexOf(m));
        assert.deepEqual(
          order,
          [...new Set(order)].sort((a, b) => a - b),
        );
      },
    ),
    { seed, numRuns: 1000 * runs },
  );
});

function damaged(clean: Buffer, at: number, byte: number, kind: string): Buffer {
  if (kind === 'change') {
    const bytes = Buffer.from(clean);
    bytes[at] = byte;
    return bytes;
  }
  const behind = clean.subarray(kind === 'remove' ? at + 1 : at);
  return Buffer.concat([clean.subarray(0, at), Buffer.from(kind === 'remove' ? [] : [byte]), behind]);
}

/** The bodies that pass for messages, up to the first that does not: there a client ends the connection. */
function receive(bytes: Buffer): { messages: string[] } {
  const messages: string[] = [];
  const reader = new FrameReader((chunk, start, end, text) => {
    const found = bodyText(chunk, start, end, text);
    classify(parseJson(found));
    messages.push(found);
  });
  try {
    reader.push(bytes);
    reader.end();
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
  }
  return { messages };
}
