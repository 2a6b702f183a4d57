import { isAscii } from 'node:buffer';
import { type CallableMethod, parseResult, type Result } from '../src/protocol/index.js';

/** JSON in UTF-8 as text. */
export function decode(bytes: Uint8Array): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.toString(isAscii(view) ? 'latin1' : 'utf8');
}

/** A result as it came, not parsed: a UI that only hands it on need not spend its main thread on it. */
export class RawResult<M extends CallableMethod = CallableMethod> {
  readonly #method: M;
  /** The result as JSON, in UTF-8. */
  readonly bytes: Uint8Array;

  constructor(method: M, bytes: Uint8Array) {
    this.#method = method;
    this.bytes = bytes;
  }

  /** The result as JSON text. */
  text(): string {
    return decode(this.bytes);
  }

  /** The result, parsed and checked now. @throws SidecarError `protocol-error` */
  json(): Result<M> {
    return parseResult(this.#method, JSON.parse(this.text()), 'protocol-error');
  }
}
