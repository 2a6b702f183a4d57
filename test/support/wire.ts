// For tests of the wire: frames as bytes, and the bodies that come out of a reader.
import { FrameReader, type FrameReaderOptions } from '../../src/transport/frame-reader.js';

/** One canonical frame. */
export function frameBytes(body: string | Uint8Array): Buffer {
  const bytes = Buffer.from(body as string);
  return Buffer.concat([Buffer.from(`Content-Length: ${bytes.length}\r\n\r\n`), bytes]);
}

export function frames(bodies: readonly string[]): Buffer {
  return Buffer.concat(bodies.map((body) => frameBytes(body)));
}

/** A reader and the bodies it has delivered, each checked against its text when the reader gives one. */
export function collectingReader(options: FrameReaderOptions = {}): {
  reader: FrameReader;
  bodies: string[];
} {
  const bodies: string[] = [];
  const reader = new FrameReader((bytes, start, end, text) => {
    const body = bytes.toString('utf8', start, end);
    if (text !== undefined && text.substring(start, end) !== body) throw new Error('text and bytes differ');
    bodies.push(body);
  }, options);
  return { reader, bodies };
}

/** `bytes` cut at `cuts` (any order, any number, clamped). Every chunk is a buffer of its own, as a socket's are. */
export function chunksOf(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, at) => Buffer.from(bytes.subarray(places[at], end)));
}

/** What a whole stream comes to. @throws FrameError */
export function readAll(chunks: readonly Buffer[], options: FrameReaderOptions = {}): string[] {
  const { reader, bodies } = collectingReader(options);
  for (const chunk of chunks) reader.push(chunk);
  reader.end();
  return bodies;
}
