import { Buffer } from 'node:buffer';
import { SidecarError } from '../protocol/index.js';

/** Text as it is, other bytes as base64: how the contract carries a value. */
export interface EncodedValue {
  text: string;
  encoding: 'utf8' | 'base64';
}

/**
 * Everything on stdin.
 * @throws SidecarError `invalid-option` where stdin is a terminal: nobody would know what is waited for; `cancelled`.
 */
export async function readStdin(what: string, signal: AbortSignal): Promise<EncodedValue> {
  if (process.stdin.isTTY) {
    throw new SidecarError('invalid-option', `Give the ${what} as an argument, with --file, or on stdin.`);
  }
  const chunks: Buffer[] = [];
  const stop = () => process.stdin.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
  if (signal.aborted) throw new SidecarError('cancelled', 'The command was cancelled.');
  return encode(Buffer.concat(chunks));
}

function encode(bytes: Buffer): EncodedValue {
  try {
    return {
      text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes),
      encoding: 'utf8',
    };
  } catch {
    return { text: bytes.toString('base64'), encoding: 'base64' };
  }
}

/** The bytes of a value as the contract carries them. */
export function decode(text: string, encoding: 'utf8' | 'base64' = 'utf8'): Uint8Array {
  return Buffer.from(text, encoding);
}
