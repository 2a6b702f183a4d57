import { codeOfNumber, ERRORS, type ErrorCode, isErrorCode } from './error-table.js';

export type { ErrorCode };

/** What `error.data` of a JSON-RPC response carries. */
export interface ErrorData {
  code?: ErrorCode;
  [key: string]: unknown;
}

/** The error member of a JSON-RPC response. */
export interface WireError {
  code: number;
  message: string;
  data?: ErrorData;
}

/**
 * The one error class of the product.
 *
 * - `code`: stable, see {@link ERRORS}.
 * - `message`: what failed, what arrived, what to do.
 * - `data`: details, JSON only. Cloudflare's own answer is in `data.cloudflare` as
 *   `{status: number, errors: {code: number, message: string}[]}`.
 * - `cause`: the error below, where there is one. It does not cross the wire.
 *
 * A cancelled call's error has the name `AbortError`, as DOM and Node abort errors have.
 */
export class SidecarError extends Error {
  readonly code: ErrorCode;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { data?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = code === 'cancelled' ? 'AbortError' : 'SidecarError';
    this.code = code;
    this.data = options.data ?? {};
  }

  /** The error as the `error` member of a JSON-RPC response. */
  toWire(): WireError {
    return { code: ERRORS[this.code].number, message: this.message, data: { ...this.data, code: this.code } };
  }

  /** Rebuilds an error from the `error` member of a JSON-RPC response. */
  static fromWire(wire: WireError): SidecarError {
    return fromWire(wire);
  }

  /** `error` itself when it is a SidecarError, else an `internal-error` that wraps it. */
  static from(error: unknown): SidecarError {
    return fromUnknown(error);
  }
}

function fromWire(wire: WireError): SidecarError {
  const { code, ...data } = wire.data ?? {};
  return new SidecarError(isErrorCode(code) ? code : codeOfNumber(wire.code), wire.message, {
    data: isErrorCode(code) ? data : { ...wire.data, jsonRpcCode: wire.code },
  });
}

function fromUnknown(error: unknown): SidecarError {
  if (error instanceof SidecarError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SidecarError('internal-error', `Internal error: ${message}`, { cause: error });
}
