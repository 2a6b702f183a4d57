/**
 * The closed set of stable error codes and the JSON-RPC number each one travels under.
 * Callers match on the string; the text of a message is for people and may change.
 * Numbers of the JSON-RPC 2.0 and LSP specifications keep their meaning; every error of the
 * product itself travels as -32000 with its string code in `data.code`.
 */
export const ERROR_CODES = {
  // JSON-RPC 2.0
  /** The body was not valid JSON. */
  'parse-error': -32700,
  /** The body was JSON, but not a JSON-RPC 2.0 message. */
  'invalid-request': -32600,
  /** No method of that name exists. */
  'method-not-found': -32601,
  /** The params do not fit the method's schema; `data.issues` lists where. */
  'invalid-params': -32602,
  /** A defect of ours: the stack is in the debug log. */
  'internal-error': -32603,

  // Session
  /** Token or proof wrong, missing or replayed; the session is closed. */
  'authentication-failed': -32001,
  /** A call came before `initialize`. */
  'not-initialized': -32002,
  /** CLI and library speak different protocol versions. */
  'version-mismatch': -32003,
  /** The caller cancelled the call. */
  cancelled: -32800,
  /** The result is larger than the body limit; `data.limitBytes` tells it. Use a file path. */
  'result-too-large': -32004,

  // What was asked for
  /** No Worker, bucket, namespace, object or key of that name. */
  'not-found': -32000,
  /** A resource of that name exists already. */
  'already-exists': -32000,
  /** The bucket still holds objects. */
  'not-empty': -32000,
  /** The account refuses the request in its present state. */
  conflict: -32000,
  /** The Worker's code was refused by the runtime; the old version keeps serving. */
  'script-invalid': -32000,
  /** No wrangler configuration or entry point where one was looked for; `data.looked` lists the files. */
  'config-not-found': -32000,
  /** The configuration could not be parsed or has a field of a wrong type. */
  'config-invalid': -32000,
  /** esbuild could not bundle the Worker; `data.errors` lists places and texts. */
  'build-failed': -32000,
  /** A size limit of Cloudflare or of the contract was exceeded. */
  'limit-exceeded': -32000,
  /** The server was started read-only, and the method changes something. */
  'read-only': -32000,
  /** A program that was started (package manager, git) failed; `data` has its command, exit code and last lines of stderr. */
  'command-failed': -32000,
  /** A file could not be read or written; `data.path` and `data.errno` tell which and why. */
  'file-error': -32000,

  // The account
  /** No credentials, or not enough to know which account. */
  'credentials-missing': -32000,
  /** Cloudflare refused the credentials (401). */
  'credentials-invalid': -32000,
  /** The login of wrangler has expired, or the keychain that holds the token does not answer; the message says how to renew it. */
  'credentials-expired': -32000,
  /** The credentials do not allow this (403). */
  'permission-denied': -32000,
  /** Cloudflare asked to slow down (429); `data.retryAfterMs` when it said how long. */
  'rate-limited': -32000,
  /** Any other failure that Cloudflare answered; its own `errors[]` and status are in `data.cloudflare`. */
  'cloudflare-error': -32000,
  /** Cloudflare could not be reached. */
  'network-error': -32000,

  // The local account
  /** The local account cannot do this; the message says what can. */
  unsupported: -32000,
  /** Local Workers need workerd, which this platform cannot run on unix sockets. */
  'unsupported-platform': -32000,
  /** The optional package `workerd` is not installed. */
  'workerd-missing': -32000,
  /** workerd ended or did not become ready; `data.stderr` holds its last lines. */
  'workerd-failed': -32000,
  /** Another process owns the state directory and does not answer; `data.pid` names it. */
  'state-locked': -32000,
  /** A state file is unreadable; `data.path` names it and its last good copy. */
  'state-corrupt': -32000,

  // The library
  /** The call needs a running sidecar. */
  'not-running': -32000,
  /** `start()` did not reach RUNNING: the CLI could not be spawned or never became ready. */
  'start-failed': -32000,
  /** The connection broke before an answer came, and the method was not sent or is safe to repeat. */
  'connection-lost': -32000,
  /** The child ended while the call was in flight: it may or may not have been carried out. */
  indeterminate: -32000,
  /** No answer within the call's timeout. */
  timeout: -32000,
  /** The peer sent something that breaks the protocol. */
  'protocol-error': -32000,
  /** The worker thread ended unexpectedly. */
  'worker-thread-failed': -32000,
  /** Automatic restarts are used up. */
  'max-restarts-reached': -32000,
  /** More calls are waiting than the limit allows. */
  overloaded: -32000,
  /** An option or argument of the library or CLI has a wrong type or value. */
  'invalid-option': -32000,
} as const;

/** A stable error code: see {@link ERROR_CODES} for what each one means. */
export type ErrorCode = keyof typeof ERROR_CODES;

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
 * - `code`: stable, see {@link ERROR_CODES}.
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
    return { code: ERROR_CODES[this.code], message: this.message, data: { ...this.data, code: this.code } };
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

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERROR_CODES, code);
}

function codeOfNumber(number: number): ErrorCode {
  for (const [code, value] of Object.entries(ERROR_CODES)) {
    if (value === number && value !== -32000) return code as ErrorCode;
  }
  return 'internal-error';
}
