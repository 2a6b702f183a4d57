import type { IncomingMessage } from 'node:http';
import { pipeline, Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { streamOf } from './socket-http.js';

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/** A body as `fetch()` gives it: decoded, while the header still says how it came. */
export function decoded(message: IncomingMessage): Readable {
  const decoders = decodersOf(message.headers['content-encoding']);
  return decoders.length === 0 ? message : streamOf(decode(message, decoders), message);
}

/** Decoders in the order of their use, the last encoding first; none when one of them is unknown. */
function decodersOf(header = ''): (() => Transform)[] {
  const names = header.toLowerCase().split(',');
  const decoders = names.flatMap((name) => DECODERS[name.trim()] ?? []);
  return decoders.length === names.length ? decoders.reverse() : [];
}

async function* decode(
  message: IncomingMessage,
  decoders: readonly (() => Transform)[],
): AsyncGenerator<Uint8Array> {
  const chunks = message[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const first = await chunks.next();
  // A body may be empty whatever its header says; a decoder would miss the beginning of its format.
  if (first.done) return;
  const whole = (async function* () {
    for (let next: IteratorResult<Uint8Array> = first; !next.done; next = await chunks.next())
      yield next.value;
  })();
  // The last decoder carries any error on to its reader.
  const streams = [Readable.from(whole, { objectMode: false }), ...decoders.map((create) => create())];
  yield* pipeline(streams, () => {}) as unknown as Readable;
}
