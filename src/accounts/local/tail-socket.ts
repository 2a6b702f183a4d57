import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * The server's side of a tail's WebSocket (RFC 6455). It only sends: of what comes in, pings and closes are answered
 * and messages are passed over. Not the `ws` package: wrangler does not mask its first frame, which Cloudflare takes
 * and `ws` refuses.
 */
export interface TailSocket {
  /** Bytes that were sent and not taken yet. */
  readonly waitingBytes: number;
  send(text: string): void;
  /** Says good-bye with a status code of WebSocket's and ends the connection. Can be called twice. */
  close(code: number, reason: string): void;
}

const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const OPCODE = { text: 0x1, close: 0x8, ping: 0x9, pong: 0xa } as const;
/** Pongs that a viewer leaves lying are not heaped up. */
const MAX_WAITING_PONG_BYTES = 64 * 1024;
const LINGER_MS = 2_000;

/** Whether a request asks for a WebSocket in a way that can be answered. */
export function isWebSocketRequest({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-version'] === '13' &&
    headers['sec-websocket-key'] !== undefined
  );
}

/**
 * Answers the handshake.
 * @param onClose called once, however the connection ends.
 */
export function acceptTailSocket(
  request: IncomingMessage,
  stream: Duplex,
  head: Buffer,
  protocol: string | undefined,
  onClose: () => void,
): TailSocket {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${ACCEPT_GUID}`);
  stream.write(
    [
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${accept.digest('base64')}`,
      ...(protocol ? [`Sec-WebSocket-Protocol: ${protocol}`] : []),
      '\r\n',
    ].join('\r\n'),
  );
  let closing = false;
  const close = (code: number, reason: string) => {
    if (closing) return;
    closing = true;
    const body = Buffer.alloc(2);
    body.writeUInt16BE(code);
    stream.end(frame(OPCODE.close, Buffer.concat([body, Buffer.from(reason.slice(0, 120))])));
    // A peer that does not close its side would hold the connection for ever.
    setTimeout(() => stream.destroy(), LINGER_MS).unref();
  };
  const reader = new FrameReader((opcode, payload) => {
    if (closing) return;
    if (opcode === OPCODE.ping && stream.writableLength < MAX_WAITING_PONG_BYTES) {
      stream.write(frame(OPCODE.pong, payload));
    }
    if (opcode === OPCODE.close) close(payload.length >= 2 ? payload.readUInt16BE(0) : 1000, '');
  });
  const take = (chunk: Buffer) => {
    if (!reader.push(chunk)) close(1009, 'a frame is too long');
  };
  stream.on('data', take);
  stream.on('error', () => {}); // `close` follows.
  stream.on('end', () => stream.end());
  stream.once('close', onClose);
  if (head.length > 0) take(head);
  return {
    get waitingBytes() {
      return stream.writableLength;
    },
    send(text) {
      if (!closing) stream.write(frame(OPCODE.text, Buffer.from(text)));
    },
    close,
  };
}

/** An unfragmented, unmasked frame, as a server sends it. */
function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const sizeBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + sizeBytes);
  head[0] = 0x80 | opcode;
  head[1] = sizeBytes === 0 ? length : sizeBytes === 2 ? 126 : 127;
  if (sizeBytes === 2) head.writeUInt16BE(length, 2);
  if (sizeBytes === 8) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}

/** Cuts a stream into frames, masked or not. */
class FrameReader {
  readonly #onFrame: (opcode: number, payload: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);

  constructor(onFrame: (opcode: number, payload: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  /** @returns false when a frame is longer than any that makes sense. */
  push(chunk: Buffer): boolean {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const bytes = this.#rest;
      if (bytes.length < 2) return true;
      const [first = 0, second = 0] = bytes;
      const short = second & 0x7f;
      if (short === 127) return false; // 64 KiB and more: a viewer says `{"debug":false}` and little else.
      const sizeBytes = short === 126 ? 2 : 0;
      const maskBytes = second & 0x80 ? 4 : 0;
      const start = 2 + sizeBytes + maskBytes;
      if (bytes.length < start) return true;
      const length = sizeBytes === 2 ? bytes.readUInt16BE(2) : short;
      if (bytes.length < start + length) return true;
      const mask = bytes.subarray(start - maskBytes, start);
      const payload = Buffer.from(bytes.subarray(start, start + length));
      if (maskBytes > 0)
        for (let at = 0; at < length; at += 1) payload[at] = byte(payload, at) ^ byte(mask, at % 4);
      this.#rest = bytes.subarray(start + length);
      this.#onFrame(first & 0x0f, payload);
    }
  }
}

function byte(bytes: Buffer, at: number): number {
  return bytes[at] ?? 0;
}
