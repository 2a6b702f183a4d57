// Fuzzes the framer in a process of its own, so that its memory can be told; prints what it found as JSON.
// Arguments: frames, byte flips, seed.
import { bodyText, parseJson } from '../../src/transport/body.js';
import { FrameError } from '../../src/transport/frame-error.js';
import { FrameReader } from '../../src/transport/frame-reader.js';
import { classify } from '../../src/transport/message.js';

const [frameCount = 0, flipCount = 0, seed = 1] = process.argv.slice(2).map(Number);

/** mulberry32: small, fast, and the same everywhere. @returns a number from 0 to below `below` */
let state = seed;
function random(below: number): number {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
}

const ALPHABET = 'abc 0123456789{}[]":,\\/éü€😀\u0000\r\n';
const LETTERS = [...ALPHABET];

function text(maxLength: number): string {
  let made = '';
  for (let left = random(maxLength); left > 0; left--) made += LETTERS[random(LETTERS.length)];
  return made;
}

function message(): string {
  const id = random(1_000_000);
  const content = text(random(50) === 0 ? 3000 : 60);
  if (random(3) === 0)
    return JSON.stringify({ jsonrpc: '2.0', id, method: 'system.ping', params: { content } });
  if (random(3) === 0) return JSON.stringify({ jsonrpc: '2.0', method: 'tail/batch', params: { content } });
  return JSON.stringify({ jsonrpc: '2.0', id, result: { content } });
}

function frameOf(body: string): Buffer {
  return Buffer.from(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

/** Headers that were taken for good ones by other readers. */
const KNOWN_BAD = [
  'Content-Length: 5\n\n{"a":',
  'Content-Length: -1\r\n\r\n',
  'Content-Length: NaN\r\n\r\n',
  'Content-Length: 9007199254740992\r\n\r\n',
  'Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}',
  'Content-Length: 0\r\n\r\n',
  'Content-Length: 02\r\n\r\n{}',
  'Content-Length: 2 \r\n\r\n{}',
  'Content-Length:2\r\n\r\n{}',
  'Content-Length: 2\r\n\r\r\n{}',
  '\ufeffContent-Length: 2\r\n\r\n{}',
  '\u001b[31mContent-Length: 2\r\n\r\n{}',
  'Debugger attached.\n',
  '\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}',
  '{"jsonrpc":"2.0","id":1,"result":1}\n',
];

interface Outcome {
  delivered: string[];
  fault: string | undefined;
}

/** What a side makes of a stream, in chunks at random: the messages up to the first fault, which ends it. */
function receive(bytes: Buffer, acceptContentType: boolean): Outcome {
  const delivered: string[] = [];
  const reader = new FrameReader(
    (chunk, start, end, decoded) => {
      const body = bodyText(chunk, start, end, decoded);
      classify(parseJson(body));
      delivered.push(body);
    },
    { acceptContentType },
  );
  try {
    const largest = 1 + random(random(4) === 0 ? 8 : 2000);
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + random(largest);
      reader.push(Buffer.from(bytes.subarray(at, end)));
      at = end;
    }
    reader.end();
    return { delivered, fault: undefined };
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    return { delivered, fault: error.fault };
  }
}

const found = {
  frames: 0,
  mutated: 0,
  crashes: 0,
  silentlyLost: 0,
  wrong: 0,
  flips: 0,
  altered: 0,
  worstMs: 0,
};

function mutate(bytes: Buffer): Buffer {
  const at = random(bytes.length);
  const cut = (from: number, to: number, between: Buffer = Buffer.alloc(0)) =>
    Buffer.concat([bytes.subarray(0, from), between, bytes.subarray(to)]);
  switch (random(5)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return cut(at, Math.min(bytes.length, at + random(100)));
    case 2:
      return cut(at, at, Buffer.from(bytes.subarray(at, at + random(100))));
    case 3:
      return cut(at, at, Buffer.from(Array.from({ length: 1 + random(20) }, () => random(256))));
    default:
      return cut(at, at, Buffer.from(KNOWN_BAD[random(KNOWN_BAD.length)] as string));
  }
}

function session(count: number): string[] {
  return Array.from({ length: count }, message);
}

/** Whether what was delivered is all of what was sent, or the first part of it with a fault told. */
function check(sent: readonly string[], { delivered, fault }: Outcome): void {
  if (fault === undefined && delivered.length < sent.length) found.silentlyLost++;
}

function timed(work: () => void): void {
  const startedMs = performance.now();
  try {
    work();
  } catch (error) {
    found.crashes++;
    console.error(error);
  }
  found.worstMs = Math.max(found.worstMs, performance.now() - startedMs);
}

while (found.frames < frameCount) {
  const sent = session(100);
  const bytes = Buffer.concat(sent.map(frameOf));
  found.frames += sent.length;
  const acceptContentType = random(2) === 0;
  if (random(2) === 0) {
    found.mutated++;
    const mutated = mutate(bytes);
    timed(() => {
      const outcome = receive(mutated, acceptContentType);
      // A cut at the end of a frame is a session that ended there.
      if (mutated.length >= bytes.length) check(sent, outcome);
    });
  } else {
    timed(() => {
      const { delivered, fault } = receive(bytes, acceptContentType);
      if (
        fault !== undefined ||
        delivered.length !== sent.length ||
        delivered.some((body, i) => body !== sent[i])
      )
        found.wrong++;
    });
  }
}

/** One byte of twenty frames changed, added or missing. */
while (found.flips < flipCount) {
  const sent = session(20);
  const clean = Buffer.concat(sent.map(frameOf));
  for (let i = 0; i < 10; i++) {
    found.flips++;
    const at = random(clean.length);
    const kind = random(3);
    const added = kind === 0 ? [] : [random(256)];
    const flipped = Buffer.concat([
      clean.subarray(0, at),
      Buffer.from(added),
      clean.subarray(kind === 1 ? at : at + 1),
    ]);
    timed(() => {
      const outcome = receive(flipped, random(2) === 0);
      check(sent, outcome);
      if (outcome.delivered.some((body, place) => body !== sent[place])) found.altered++;
    });
  }
}

function millisecondsOf(work: () => void): number {
  const startedMs = performance.now();
  work();
  return performance.now() - startedMs;
}

/** Everything is pushed, though the first chunk is refused already. */
function garbageMs(chunk: Buffer): number {
  const reader = new FrameReader(() => {});
  return millisecondsOf(() => {
    for (let i = 0; i < 1024; i++) {
      try {
        reader.push(chunk);
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
      }
    }
  });
}

function bytewiseMs(): number {
  const bytes = frameOf(JSON.stringify('x'.repeat(1024 * 1024)));
  const pieces = Array.from(bytes, (byte) => Buffer.of(byte));
  let delivered = 0;
  const reader = new FrameReader(() => {
    delivered++;
  });
  const ms = millisecondsOf(() => {
    for (const piece of pieces) reader.push(piece);
  });
  if (delivered !== 1) found.wrong++;
  return ms;
}

const rssMiB = process.resourceUsage().maxRSS / 1024;
const chunks = ['x', '\u0000', 'Content-Length: ', 'c'].map((unit) => Buffer.alloc(64 * 1024, unit));
const garbage = Math.max(...chunks.map(garbageMs));
console.log(JSON.stringify({ ...found, rssMiB, garbageMs: garbage, bytewiseMs: bytewiseMs() }));
