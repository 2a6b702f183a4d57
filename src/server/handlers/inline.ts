import { SidecarError } from '../../protocol/index.js';
import { base64Fault } from '../../protocol/names.js';

export interface InlineBody {
  body: string;
  bodyEncoding?: 'utf8' | 'base64';
}

/** The bytes of a `body` or `value` of params. @throws SidecarError `invalid-params` when they are not base64. */
export function decodeInline(text: string, encoding: 'utf8' | 'base64'): Uint8Array<ArrayBuffer> {
  if (encoding === 'utf8') return new TextEncoder().encode(text);
  const fault = base64Fault(text);
  if (fault !== undefined) throw new SidecarError('invalid-params', `The body ${fault}.`);
  return new Uint8Array(Buffer.from(text, 'base64'));
}

/**
 * A body to be sent inline: as text when it is valid UTF-8, else as base64.
 * @param what what is read, for the message.
 * @param advice what to do instead when it is too large for a message.
 * @param maxBytes what a message has room for.
 * @throws SidecarError `result-too-large` before all of it is read, `cancelled`.
 */
export async function readInline(
  response: Response,
  what: string,
  advice: string,
  signal: AbortSignal,
  maxBytes: number,
): Promise<InlineBody> {
  const bytes = await readAtMost(response, what, advice, signal, maxBytes);
  try {
    return { body: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { body: bytes.toString('base64'), bodyEncoding: 'base64' };
  }
}

async function readAtMost(
  response: Response,
  what: string,
  advice: string,
  signal: AbortSignal,
  maxBytes: number,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  const cancel = () => void reader?.cancel(signal.reason).catch(() => {}); // The read below tells.
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for (;;) {
      const part = await reader?.read();
      if (signal.aborted) throw new SidecarError('cancelled', `Cancelled: read ${what}.`);
      if (!part || part.done) return Buffer.concat(chunks);
      size += part.value.byteLength;
      if (size > maxBytes) throw tooLarge(what, advice, maxBytes);
      chunks.push(part.value);
    }
  } catch (error) {
    cancel();
    if (error instanceof SidecarError) throw error;
    throw new SidecarError('network-error', `Reading ${what} was cut short: ${describe(error)}.`, {
      cause: error,
    });
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

function tooLarge(what: string, advice: string, limitBytes: number): SidecarError {
  return new SidecarError(
    'result-too-large',
    `${what} is larger than ${limitBytes} bytes, which is what fits into one message. ${advice}`,
    { data: { limitBytes } },
  );
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
