import { codeOfNumber, ERRORS, type ErrorCode, isErrorCode } from './error-table.js';
import { systemFailure } from './system-error.js';

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

  /** `error` itself when it is a SidecarError; what the system refused by its own code; else an `internal-error`. */
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

/**
 * A failed file operation as a `file-error`, with `data.path` and `data.errno`.
 * @param what what was tried, up to the path: `write the file`
 */
export function fileError(what: string, path: string, cause: unknown): SidecarError {
  if (cause instanceof SidecarError) return cause;
  const { errno, reason } = systemFailure(cause) ?? {};
  const why = reason ?? (cause instanceof Error ? cause.message : String(cause));
  return new SidecarError('file-error', `Could not ${what} ${path}: ${why}.`, {
    data: { path, errno },
    cause,
  });
}

/** The one place that gives a code to what nobody else did: what the system refused is none of our defects. */
function fromUnknown(error: unknown): SidecarError {
  if (error instanceof SidecarError) return error;
  const system = systemFailure(error);
  if (system !== undefined) {
    const { code, errno, path, reason } = system;
    const at = path === undefined ? '' : ` ${path}`;
    const message = `The system refused ${code === 'file-error' ? 'a file or a process' : 'a connection'}${at}: ${reason}.`;
    return new SidecarError(code, message, { data: { path, errno }, cause: error });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new SidecarError('internal-error', `Internal error: ${message}`, { cause: error });
}
