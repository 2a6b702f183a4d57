import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { FrameError } from '../../src/transport/frame-error.js';
import type { FrameReaderOptions } from '../../src/transport/frame-reader.js';
import { chunksOf, collectingReader, frameBytes, frames, readAll } from '../support/wire.js';

const BODIES = ['{}', '{"a":"é€𝄞"}', `{"b":"${'x'.repeat(300)}"}`, '{"c":3}', '[]', '"Content-Length: 2"'];
const CONTENT_TYPE = 'Content-Type: application/vscode-jsonrpc; charset=utf-8';

/** The fault that reading `bytes` ends with, whole and bytewise alike; undefined when it is read. */
function faultOf(bytes: Buffer, options: FrameReaderOptions = {}): string | undefined {
  const bytewise = Array.from(bytes, (byte) => Buffer.from([byte]));
  const faults = [[bytes], bytewise].map((chunks) => {
    try {
      readAll(chunks, options);
      return undefined;
    } catch (error) {
      assert.ok(error instanceof FrameError, String(error));
      return error.fault;
    }
  });
  assert.equal(faults[0], faults[1], 'one chunk and single bytes come to the same');
  return faults[0];
}

test('canonical frames come out in order, whole, bytewise and cut at every place', () => {
  const bytes = frames(BODIES);
  assert.deepEqual(readAll([bytes]), BODIES);
  assert.deepEqual(readAll(Array.from(bytes, (byte) => Buffer.from([byte]))), BODIES);
  for (let cut = 1; cut < bytes.length; cut++) assert.deepEqual(readAll(chunksOf(bytes, [cut])), BODIES);
});

test('every chunk size comes to the same', () => {
  const bytes = frames(BODIES);
  for (let size = 1; size <= 64; size++) {
    const cuts = Array.from({ length: Math.floor(bytes.length / size) }, (_, at) => (at + 1) * size);
    assert.deepEqual(readAll(chunksOf(bytes, cuts)), BODIES);
  }
});

test('an empty chunk changes nothing, inside a header, inside a body and between frames', () => {
  const nothing = Buffer.alloc(0);
  const bytes = frames(BODIES);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const [before, after] = [bytes.subarray(0, cut), bytes.subarray(cut)];
    assert.deepEqual(readAll([nothing, before, nothing, after, nothing]), BODIES);
  }
});

const BAD_HEADERS: Readonly<Record<string, string>> = {
  'LF only': 'Content-Length: 2\n\n{}',
  'LF before CR': 'Content-Length: 2\n\r\n{}',
  'CR only': 'Content-Length: 2\r\r{}',
  'one line end': 'Content-Length: 2\r\n{}',
  'three line ends': '\r\nContent-Length: 2\r\n\r\n{}',
  negative: 'Content-Length: -2\r\n\r\n{}',
  'plus sign': 'Content-Length: +2\r\n\r\n{}',
  NaN: 'Content-Length: NaN\r\n\r\n{}',
  Infinity: 'Content-Length: Infinity\r\n\r\n{}',
  hexadecimal: 'Content-Length: 0x2\r\n\r\n{}',
  exponent: 'Content-Length: 2e0\r\n\r\n{}',
  fraction: 'Content-Length: 2.0\r\n\r\n{}',
  'leading zero': 'Content-Length: 02\r\n\r\n{}',
  'zero, an empty body': 'Content-Length: 0\r\n\r\n',
  'many zeros': 'Content-Length: 0000000002\r\n\r\n{}',
  empty: 'Content-Length: \r\n\r\n{}',
  'no number at all': 'Content-Length:\r\n\r\n{}',
  'no space': 'Content-Length:2\r\n\r\n{}',
  'two spaces': 'Content-Length:  2\r\n\r\n{}',
  tab: 'Content-Length:\t2\r\n\r\n{}',
  'space behind': 'Content-Length: 2 \r\n\r\n{}',
  'space before': ' Content-Length: 2\r\n\r\n{}',
  'two numbers': 'Content-Length: 2, 2\r\n\r\n{}',
  'the same header twice': 'Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}',
  'two lengths': 'Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}',
  'another header': 'Content-Length: 2\r\nX-Other: 1\r\n\r\n{}',
  'another header first': 'X-Other: 1\r\nContent-Length: 2\r\n\r\n{}',
  'BOM in UTF-8': '\ufeffContent-Length: 2\r\n\r\n{}',
  'ANSI colour': '\x1b[31mContent-Length: 2\r\n\r\n{}',
  'digits of another script': 'Content-Length: ２\r\n\r\n{}',
  NUL: 'Content-Length: 2\0\r\n\r\n{}',
  '2^53': 'Content-Length: 9007199254740992\r\n\r\n{}',
  '2^64': 'Content-Length: 18446744073709551616\r\n\r\n{}',
  'a log line': 'Listening on port 9123\nContent-Length: 2\r\n\r\n{}',
  'JSON without a header': '{"jsonrpc":"2.0","id":1,"method":"system.ping"}\n',
  'a blank line': '\r\n\r\n',
  'garbage behind a good frame': 'Content-Length: 2\r\n\r\n{}garbage',
  'one byte too many': 'Content-Length: 2\r\n\r\n{} Content-Length: 2\r\n\r\n{}',
};

for (const [name, text] of Object.entries(BAD_HEADERS)) {
  test(`a header is refused: ${name}`, () => {
    for (const acceptContentType of [false, true]) {
      assert.equal(faultOf(Buffer.from(text), { acceptContentType }), 'header-invalid');
    }
  });
}

test('the frames before a broken header are delivered, and none behind it', () => {
  const { reader, bodies } = collectingReader();
  const stream = Buffer.concat([frames(['{"a":1}', '{"b":2}']), Buffer.from('oops\n'), frames(['{"c":3}'])]);
  assert.throws(() => reader.push(stream), { fault: 'header-invalid' });
  assert.deepEqual(bodies, ['{"a":1}', '{"b":2}']);
});

test('after a fault every push throws the same error and delivers nothing', () => {
  const { reader, bodies } = collectingReader();
  let first: unknown;
  assert.throws(
    () => reader.push(Buffer.from('nonsense')),
    (error) => {
      first = error;
      return error instanceof FrameError;
    },
  );
  for (let times = 0; times < 3; times++) {
    assert.throws(
      () => reader.push(frameBytes('{}')),
      (error) => error === first,
    );
  }
  reader.end();
  assert.deepEqual(bodies, []);
});

test('the error shows what arrived, printable and short', () => {
  const { reader } = collectingReader();
  const line = `\x1b[31m${'Debugger listening '.repeat(100)}`;
  assert.throws(
    () => reader.push(Buffer.from(line)),
    (error: Error) => {
      assert.match(error.message, /\\x1b\[31mDebugger listening/);
      assert.ok(error.message.length < 200);
      return true;
    },
  );
});

test('Content-Type of LSP is taken where it is accepted, in any case, order and chunking', () => {
  const headers = [
    `Content-Length: 2\r\n${CONTENT_TYPE}\r\n\r\n{}`,
    `${CONTENT_TYPE}\r\nContent-Length: 2\r\n\r\n{}`,
    'content-length: 2\r\ncontent-type: application/json; charset=utf8\r\n\r\n{}',
    'CONTENT-LENGTH: 2\r\n\r\n{}',
    'Content-Length: 2\r\nContent-Type: application/json\r\n\r\n{}',
  ];
  for (const header of headers) {
    const stream = Buffer.concat([Buffer.from(header), frameBytes('[1]'), Buffer.from(header)]);
    const expected = ['{}', '[1]', '{}'];
    assert.equal(faultOf(stream, { acceptContentType: true }), undefined);
    for (let cut = 0; cut <= stream.length; cut++) {
      assert.deepEqual(readAll(chunksOf(stream, [cut]), { acceptContentType: true }), expected);
    }
    assert.equal(faultOf(stream), 'header-invalid');
  }
});

test('a Content-Type of another charset, a second one, or one alone is refused', () => {
  for (const text of [
    'Content-Length: 2\r\nContent-Type: text/plain; charset=latin1\r\n\r\n{}',
    `Content-Length: 2\r\n${CONTENT_TYPE}\r\n${CONTENT_TYPE}\r\n\r\n{}`,
    `${CONTENT_TYPE}\r\n\r\n{}`,
    'Content-Length: 2\r\nContent-Type: \r\n\r\n{}',
    'content-length: 02\r\n\r\n{}',
    'content-length: 2\r\ncontent-length: 2\r\n\r\n{}',
  ]) {
    assert.equal(faultOf(Buffer.from(text), { acceptContentType: true }), 'header-invalid', text);
  }
});

test('a header without an end is refused at the limit', () => {
  const endless = Buffer.from(`Content-Length: 2\r\nContent-Type: ${'x'.repeat(4096)}`);
  assert.equal(faultOf(endless, { acceptContentType: true }), 'header-too-long');
  assert.equal(faultOf(Buffer.from(`c${'o'.repeat(4096)}`), { acceptContentType: true }), 'header-too-long');
});

test('a body of exactly the limit is read, one byte more is refused before it has arrived', () => {
  const limits = { maxBodyBytes: 1000 };
  const fits = `"${'x'.repeat(998)}"`;
  assert.deepEqual(readAll([frameBytes(fits)], limits), [fits]);
  assert.equal(faultOf(Buffer.from('Content-Length: 1001\r\n\r\n'), limits), 'body-too-large');
  assert.equal(faultOf(Buffer.from('Content-Length: 9999999999\r\n\r\n'), limits), 'body-too-large');
});

test('a body over the limit can be passed over in any pieces: its first bytes are told, and what follows is read', () => {
  const limits = { maxBodyBytes: 1000 };
  const bytes = frames(['{"a":1}', `"${'x'.repeat(5000)}"`, '{"b":2}', 'y'.repeat(1001), '{"c":3}']);
  for (const size of [1, 7, 100, 1500, bytes.length]) {
    const heads: string[] = [];
    const onOversized = (start: Buffer, { fault }: FrameError) =>
      heads.push(`${fault} ${start.length} ${start}`);
    const cuts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => at * size);
    const bodies = readAll(chunksOf(bytes, cuts), { ...limits, onOversized });
    assert.deepEqual(bodies, ['{"a":1}', '{"b":2}', '{"c":3}']);
    assert.deepEqual(heads, [
      `body-too-large 256 "${'x'.repeat(255)}`,
      `body-too-large 256 ${'y'.repeat(256)}`,
    ]);
  }
  // Nobody means a length like this.
  const onOversized = () => assert.fail('it was waited for');
  assert.equal(
    faultOf(Buffer.from('Content-Length: 9999999999\r\n\r\n'), { ...limits, onOversized }),
    'body-too-large',
  );
});

test('a stream that ends inside a frame is truncated, between frames it is not', () => {
  const bytes = frameBytes('{"a":1}');
  for (let length = 1; length < bytes.length; length++) {
    assert.equal(faultOf(bytes.subarray(0, length)), 'truncated');
  }
  assert.equal(faultOf(bytes), undefined);
  assert.equal(faultOf(Buffer.alloc(0)), undefined);
});

/** How many bytes of buffers are made from here on. */
function countAllocations(t: TestContext): () => number {
  let bytes = 0;
  for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
    const allocate = Buffer[name];
    t.mock.method(Buffer, name, (size: number) => {
      bytes += size;
      return allocate(size);
    });
  }
  return () => bytes;
}

test('64 MB of garbage are refused at their first line and kept nowhere', (t) => {
  const garbage = Buffer.alloc(64 * 1024 * 1024, 'x');
  const allocated = countAllocations(t);
  for (const acceptContentType of [false, true]) {
    const { reader } = collectingReader({ acceptContentType });
    assert.throws(() => reader.push(garbage), { fault: 'header-invalid' });
  }
  assert.ok(allocated() < 64 * 1024, `${allocated()} bytes`);
});

test('a body of 1 MB that comes byte by byte has its place made once', (t) => {
  const bytes = frameBytes(`"${'x'.repeat(1_000_000)}"`);
  const { reader, bodies } = collectingReader();
  const allocated = countAllocations(t);
  for (let at = 0; at < bytes.length; at++) reader.push(bytes.subarray(at, at + 1));
  assert.equal(bodies.length, 1);
  // A reader that puts the pieces together anew each time makes 500 GB.
  assert.ok(allocated() < 2 * bytes.length, `${allocated()} bytes`);
});

test('an error of the handler is not taken for a fault of the stream', () => {
  const { reader } = collectingReader();
  assert.doesNotThrow(() => reader.push(frameBytes('{}')));
  const failing = collectingReader();
  failing.bodies.push = () => {
    throw new TypeError('handler');
  };
  assert.throws(() => failing.reader.push(frameBytes('{}')), TypeError);
});
