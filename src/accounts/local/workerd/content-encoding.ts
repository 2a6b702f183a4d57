import type { IncomingMessage } from 'node:http';
import { pipeline, type Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/** A body as `fetch()` gives it: decoded, while the header still says how it came. */
export function decoded(message: IncomingMessage): Readable {
  const create = DECODERS[message.headers['content-encoding']?.toLowerCase() ?? ''];
  if (create === undefined) return message;
  // The decoder carries any error on to its reader.
  return pipeline(message, create(), () => {});
}
