import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { SidecarError } from '../../../protocol/index.js';
import { type SocketRequest, streamOf } from './socket-http.js';
import type { StorageProcess } from './storage-process.js';

/** Sends a request to the storage process, which is started when it does not run. */
export async function storageSend(storage: StorageProcess, request: SocketRequest): Promise<IncomingMessage> {
  try {
    return await send(storage, request);
  } catch (cause) {
    // What broke the body on its way (a limit, the caller's own stream) is the caller's to see.
    if (cause instanceof SidecarError || !isConnectionError(cause)) throw cause;
    throw new SidecarError(
      'workerd-failed',
      `The local storage did not answer (${(cause as NodeJS.ErrnoException).code}). Where it has ended, the next use starts it anew.`,
      { data: { stderr: [...storage.stderr] }, cause },
    );
  }
}

async function send(storage: StorageProcess, request: SocketRequest): Promise<IncomingMessage> {
  const http = await storage.http();
  try {
    return await http.send(request);
  } catch (error) {
    if (!isNobodyThere(error)) throw error;
    // The storage has died so lately that it went unnoticed, and nothing was sent.
    await storage.discard(http);
    if (request.body instanceof Readable) throw error;
    return (await storage.http()).send(request);
  }
}

const isNobodyThere = (error: unknown) =>
  ['ECONNREFUSED', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '');

const CONNECTION_ERRORS = new Set(['ECONNRESET', 'ECONNREFUSED', 'ENOENT', 'EPIPE', 'ECONNABORTED']);

/** Whether the connection broke or could not be made; the process behind it need not have ended. */
export function isConnectionError(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined && CONNECTION_ERRORS.has(code)) return true;
  return error instanceof Error && error.cause !== undefined && isConnectionError(error.cause);
}

/** `source` as far as `maxBytes`; `tooLarge` makes the error it then breaks with. */
export function limited(source: Readable, maxBytes: number, tooLarge: () => Error): Readable {
  const chunks = (async function* () {
    let size = 0;
    for await (const chunk of source as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength;
      if (size > maxBytes) throw tooLarge();
      yield chunk;
    }
  })();
  return streamOf(chunks, source);
}
