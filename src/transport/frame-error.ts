/** Why a stream of frames cannot be read on. Header faults end a session; body faults are the frame's own. */
export type FrameFault =
  /** The bytes before a body are no canonical header. Everything behind them is unreadable. */
  | 'header-invalid'
  /** The header is longer than the limit, or no header at all. */
  | 'header-too-long'
  /** The announced body is over the limit. */
  | 'body-too-large'
  /** The stream ended inside a frame. */
  | 'truncated'
  /** The body is not UTF-8. */
  | 'encoding-invalid'
  /** The body is not JSON. */
  | 'json-invalid'
  /** The body is JSON, but no message of JSON-RPC 2.0. */
  | 'message-invalid';

/** A frame or message that breaks the protocol. `fault` is stable; the message shows what arrived, in part. */
export class FrameError extends Error {
  readonly fault: FrameFault;

  constructor(fault: FrameFault, message: string) {
    super(message);
    this.name = 'FrameError';
    this.fault = fault;
  }
}

/**
 * The first bytes of what arrived, printable, for an error message. A word that would be cut is left out: a redactor
 * does not recognise half of a secret.
 */
export function excerpt(bytes: Uint8Array, maxBytes = 40): string {
  const isCut = bytes.length > maxBytes;
  const text = Buffer.from(bytes.subarray(0, maxBytes)).toString('utf8');
  const whole = isCut ? text.replace(/\S*$/, '') : text;
  const shown = whole.replace(CONTROL, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return isCut ? `${shown}…` : shown;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROL = /[\x00-\x1f\x7f]/g;
