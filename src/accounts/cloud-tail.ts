import { type RawData, WebSocket } from 'ws';
import type { Api } from '../cloudflare/client.js';
import { type CreatedTail, createTail, deleteTail } from '../cloudflare/tail.js';
import { SidecarError } from '../protocol/index.js';
import type { TailParams, TailSink, TailSource } from './account.js';

const HANDSHAKE_TIMEOUT_MS = 10_000;
const DELETE_TIMEOUT_MS = 5_000;
/** Cloudflare bounds an event to much less; this bounds what a broken peer can make us hold. */
const MAX_EVENT_BYTES = 8 * 1024 * 1024;

/** Opens a tail at Cloudflare and its WebSocket, whose every message is one trace event. */
export async function openCloudTail(
  api: Api,
  { workerName, ...filters }: TailParams,
  sink: TailSink,
  signal: AbortSignal,
): Promise<TailSource> {
  const created = await createTail(api, workerName, filters, signal);
  const remove = () => deleteTail(api, workerName, created.id, AbortSignal.timeout(DELETE_TIMEOUT_MS));
  try {
    const socket = await connect(created.url, signal);
    return streamEvents(socket, created, sink, remove);
  } catch (error) {
    // What is told is why it could not be opened; a tail that stays behind expires by itself.
    await remove().catch(() => {});
    throw error;
  }
}

async function connect(url: string, signal: AbortSignal): Promise<WebSocket> {
  const socket = new WebSocket(url, 'trace-v1', {
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxPayload: MAX_EVENT_BYTES,
    perMessageDeflate: false,
  });
  const onAbort = () => socket.terminate();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    socket.send(JSON.stringify({ debug: false }));
    return socket;
  } catch (cause) {
    if (signal.aborted) throw new SidecarError('cancelled', 'Cancelled: open the tail.', { cause });
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SidecarError('network-error', `The tail's WebSocket could not be opened: ${why}.`, { cause });
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function streamEvents(
  socket: WebSocket,
  { expiresAt }: CreatedTail,
  sink: TailSink,
  remove: () => Promise<void>,
): TailSource {
  let closing: Promise<void> | undefined;
  let failure: Error | undefined;
  const close = () => {
    closing ??= (async () => {
      clearTimeout(expiry);
      socket.terminate();
      // The tail expires by itself when Cloudflare cannot be told.
      await remove().catch(() => {});
    })();
    return closing;
  };
  const endBySelf = (...end: Parameters<TailSink['end']>) => {
    if (closing) return;
    void close();
    sink.end(...end);
  };
  const expiry = setTimeout(() => endBySelf('expired'), lifetimeMs(expiresAt));
  expiry.unref();
  socket.on('message', (data) => {
    if (!closing) sink.push(textOf(data));
  });
  socket.on('error', (error) => {
    failure = error; // `close` follows.
  });
  socket.on('close', (code) => {
    const why = failure?.message ?? `Cloudflare closed it with the code ${code}`;
    endBySelf('error', { code: 'connection-lost', message: `The tail's WebSocket ended: ${why}.` });
  });
  return { close };
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString();
  return Buffer.from(data as Buffer).toString();
}

/** A timer takes 24 days at most; without a readable time the tail simply ends when its socket does. */
function lifetimeMs(expiresAt: string): number {
  const ms = Date.parse(expiresAt) - Date.now();
  return Number.isNaN(ms) ? 2 ** 31 - 1 : Math.min(Math.max(ms, 0), 2 ** 31 - 1);
}
