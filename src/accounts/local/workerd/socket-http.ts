import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import { Readable } from 'node:stream';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { judgeAfter } from '../../../lib/time.js';
import { SidecarError } from '../../../protocol/index.js';
import { keepReading } from '../keep-reading.js';

export interface SocketRequest {
  method: string;
  /** Path and query, already percent-encoded. */
  path: string;
  headers: OutgoingHttpHeaders;
  body?: Uint8Array | Readable;
  signal?: AbortSignal;
  /** How long the head of the answer may take once the last byte was sent; see `HeadTimeout`. */
  headTimeoutMs?: number;
}

/** No head of an answer came in time. */
export class HeadTimeout extends Error {}

/** workerd closes a connection that is idle for 5 s: ours must be gone before. */
const IDLE_CONNECTION_MS = 4_000;

/** As at Cloudflare: https://developers.cloudflare.com/workers/platform/limits/#response-limits */
const MAX_HEADER_BYTES = 128 * 1024;

/** HTTP to one unix socket over kept-alive connections. */
export class SocketHttp {
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 32, timeout: IDLE_CONNECTION_MS });

  constructor(private readonly socketPath: string) {}

  /** Resolves with the head of the answer; its body is still to be read or destroyed. */
  async send(request: SocketRequest): Promise<IncomingMessage> {
    try {
      return await this.#attempt(request);
    } catch (error) {
      if (!(error instanceof IdleConnectionClosed) || request.body instanceof Readable) throw error;
      return await this.#attempt(request);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #attempt(request: SocketRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const { method, path, headers, body, signal, headTimeoutMs } = request;
      const outgoing = httpRequest({
        socketPath: this.socketPath,
        agent: this.#agent,
        method,
        path,
        headers,
        maxHeaderSize: MAX_HEADER_BYTES,
        signal,
      });
      // Their size is limited above; past a number of its own Node leaves headers out without a word.
      outgoing.maxHeadersCount = 0;
      outgoing.once('socket', keepReading);
      outgoing.once('response', resolve);
      if (headTimeoutMs !== undefined) limitHead(outgoing, body, headTimeoutMs);
      // Not once: after the answer the connection may still break under the rest of the body.
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'HPE_HEADER_OVERFLOW') reject(headersTooLarge(error));
        else if (error.code === 'ECONNRESET' && outgoing.reusedSocket)
          reject(new IdleConnectionClosed(error));
        else reject(error);
      });
      if (body instanceof Readable) {
        body.once('error', (error) => outgoing.destroy(error));
        // The connection may end first: what feeds it must not wait for ever.
        outgoing.once('close', () => body.destroy());
        body.pipe(outgoing);
      } else {
        outgoing.end(body);
      }
    });
  }
}

function headersTooLarge(cause: Error): SidecarError {
  const message = `The headers of the answer have more than ${MAX_HEADER_BYTES} bytes, which is as many as Cloudflare takes.`;
  return new SidecarError('result-too-large', message, { data: { limitBytes: MAX_HEADER_BYTES }, cause });
}

function limitHead(
  outgoing: ClientRequest,
  body: Uint8Array | Readable | undefined,
  timeoutMs: number,
): void {
  const timer = judgeAfter(timeoutMs, () => outgoing.destroy(new HeadTimeout()));
  const clear = () => timer.clear();
  // A long upload is no silence.
  if (body instanceof Readable) body.on('data', () => timer.refresh());
  outgoing.once('response', clear).once('close', clear);
}

/** The peer closed a kept-alive connection just when it was used again: nothing was answered. */
class IdleConnectionClosed extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

/** Reads a body to its end, up to `limitBytes`. */
export async function readAll(source: AsyncIterable<Uint8Array>, limitBytes = Infinity): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.byteLength;
    if (size > limitBytes) {
      throw new SidecarError('limit-exceeded', `The body is larger than ${limitBytes} bytes.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * What a generator makes of `source`, whose end is the source's too: the generator itself is never begun when the stream
 * is destroyed unread.
 */
export function streamOf(chunks: AsyncIterable<Uint8Array>, source: Readable): Readable {
  return Readable.from(chunks, { objectMode: false }).once('close', () => source.destroy());
}

/** A web stream as a Node one. */
export function fromWeb(stream: ReadableStream<Uint8Array>): Readable {
  return Readable.fromWeb(stream as NodeReadableStream<Uint8Array>);
}

/**
 * A Node stream as a web one that reads no further than its consumer does, and ends the source when it is cancelled.
 * @param first bytes that come before the source's own
 * @param toError what to tell the consumer when the source breaks
 */
export function toWeb(
  source: Readable,
  options: { first?: Uint8Array; toError?: (error: unknown) => unknown } = {},
): ReadableStream<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (options.first !== undefined && options.first.byteLength > 0) controller.enqueue(options.first);
      },
      async pull(controller) {
        try {
          const { done, value } = await chunks.next();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          controller.error(options.toError?.(error) ?? error);
        }
      },
      cancel() {
        source.destroy();
      },
    },
    { highWaterMark: 0 },
  );
}
