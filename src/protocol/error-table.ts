/** What one error code means outside of the library. */
export interface ErrorRow {
  /** The JSON-RPC number that it travels under. */
  readonly number: number;
  /**
   * The HTTP status of the local API's answer. wrangler repeats every 5xx, the official SDK 408, 409 and 429 too: only a
   * defect of ours has one of those that no header takes back (`x-should-retry: false`).
   */
  readonly httpStatus: number;
  /** The exit code of a command: 2 when the command line itself cannot be carried out. */
  readonly exitCode: 1 | 2;
  /** Whether any call may end with it, so that no method lists it among its own. */
  readonly anyCall: boolean;
  /** What to do about it, where the code alone can tell. */
  readonly advice?: string;
}

/** Numbers of the product's own errors: the string code in `data.code` tells them apart. */
const OWN = -32000;

/**
 * The closed set of stable error codes, with all that follows from a code alone.
 * Callers match on the string; the text of a message is for people and may change.
 * Numbers of the JSON-RPC 2.0 and LSP specifications keep their meaning; every error of the
 * product itself travels as -32000 with its string code in `data.code`.
 */
export const ERRORS = {
  // JSON-RPC 2.0
  /** The body was not valid JSON. */
  'parse-error': row(-32700, 400, { anyCall: true }),
  /** The body was JSON, but not a JSON-RPC 2.0 message. */
  'invalid-request': row(-32600, 400, { anyCall: true }),
  /** No method of that name exists. */
  'method-not-found': row(-32601, 404, { anyCall: true }),
  /** The params do not fit the method's schema; `data.issues` lists where. */
  'invalid-params': row(-32602, 400, { anyCall: true, exitCode: 2 }),
  /** A defect of ours: the stack is in the debug log. */
  'internal-error': row(-32603, 500, { anyCall: true, advice: 'Report it with the debug log.' }),

  // Session
  /** Token or proof wrong, missing or replayed; the session is closed. */
  'authentication-failed': row(-32001, 401),
  /** A call came before `initialize`. */
  'not-initialized': row(-32002, 400, { anyCall: true }),
  /** CLI and library speak different protocol versions. */
  'version-mismatch': row(-32003, 400, { advice: 'Install the same version of both.' }),
  /** The caller cancelled the call. */
  cancelled: row(-32800, 499, { anyCall: true }),
  /** The result is larger than the body limit; `data.limitBytes` tells it. */
  'result-too-large': row(-32004, 413, { anyCall: true, advice: 'Ask for less, or give a file path.' }),

  // What was asked for
  /** No Worker, bucket, namespace, object or key of that name. */
  'not-found': row(OWN, 404),
  /** A resource of that name exists already. */
  'already-exists': row(OWN, 409, { advice: 'Choose another name, or use the one that exists.' }),
  /** The bucket still holds objects. */
  'not-empty': row(OWN, 409, { advice: 'Empty it first.' }),
  /** The account refuses the request in its present state. */
  conflict: row(OWN, 409),
  /** The Worker's code was refused by the runtime; the old version keeps serving. */
  'script-invalid': row(OWN, 400),
  /** No wrangler configuration where one was looked for; `data.looked` lists the files. */
  'config-not-found': row(OWN, 404),
  /** The configuration could not be parsed or has a field of a wrong type. */
  'config-invalid': row(OWN, 400),
  /** esbuild could not bundle the Worker; `data.errors` lists places and texts. */
  'build-failed': row(OWN, 400),
  /** A size limit of Cloudflare or of the contract was exceeded. */
  'limit-exceeded': row(OWN, 413),
  /** The server was started read-only, and the method changes something. */
  'read-only': row(OWN, 403, { anyCall: true }),
  /** A program that was started (package manager, git) failed; `data` has its command, exit code and last lines of stderr. */
  'command-failed': row(OWN, 424),
  /** A file could not be read or written, or the system gave no descriptor for it; `data.path` and `data.errno` tell which and why. */
  'file-error': row(OWN, 424, { anyCall: true }),

  // The account
  /** No credentials, or not enough to know which account. */
  'credentials-missing': row(OWN, 401),
  /** Cloudflare refused the credentials (401). */
  'credentials-invalid': row(OWN, 401, { advice: 'Check the API token or key.' }),
  /** The login of wrangler has expired or is encrypted and wrangler did not give it out, or the keychain did not give out the token; the message says what to do. */
  'credentials-expired': row(OWN, 401),
  /** The credentials do not allow this (403). */
  'permission-denied': row(OWN, 403, {
    advice: 'The API token lacks a permission for this account or product.',
  }),
  /** Cloudflare asked to slow down (429); `data.retryAfterMs` when it said how long. */
  'rate-limited': row(OWN, 429, { advice: 'Try again later.' }),
  /** Any other failure that Cloudflare answered; its own `errors[]` and status are in `data.cloudflare`. */
  'cloudflare-error': row(OWN, 424),
  /** Cloudflare could not be reached. */
  'network-error': row(OWN, 424),

  // The local account
  /** The local account cannot do this, or a newer version wrote its state; the message says what can be done. */
  unsupported: row(OWN, 400),
  /** Local Workers need workerd, which this platform cannot run on unix sockets. */
  'unsupported-platform': row(OWN, 400),
  /** The optional package `workerd` is not installed. */
  'workerd-missing': row(OWN, 400, { advice: 'Run `npm install workerd`.' }),
  /** workerd ended or did not become ready, with its last lines in `data.stderr`; or an answer broke off. */
  'workerd-failed': row(OWN, 424),
  /** Another process owns the state directory and does not answer, or is another version; `data.pid` names it. */
  'state-locked': row(OWN, 423),
  /** The state directory was moved, deleted or replaced while it was in use; nothing was changed, and the next call uses what is at its path then. */
  'state-moved': row(OWN, 409),
  /** A state file or a module is damaged or of no known shape, and stays as it is; `data.path` names it, `data.lastGoodPath` its last good copy. */
  'state-corrupt': row(OWN, 424),

  // The library
  /** The call needs a running sidecar. */
  'not-running': row(OWN, 424, { anyCall: true }),
  /** `start()` did not reach RUNNING: the CLI could not be spawned or never became ready. */
  'start-failed': row(OWN, 424),
  /** The connection broke before an answer came, and the method was not sent or is safe to repeat. */
  'connection-lost': row(OWN, 424, { anyCall: true }),
  /** The child ended while the call was in flight: it may or may not have been carried out. */
  indeterminate: row(OWN, 424, { anyCall: true, advice: 'Look before you repeat it.' }),
  /** No answer within the call's timeout. */
  timeout: row(OWN, 424, { anyCall: true }),
  /** The peer sent something that breaks the protocol. */
  'protocol-error': row(OWN, 424, { anyCall: true }),
  /** The worker thread ended unexpectedly. */
  'worker-thread-failed': row(OWN, 424, { anyCall: true }),
  /** Automatic restarts are used up. */
  'max-restarts-reached': row(OWN, 424, { anyCall: true }),
  /** More calls are waiting than the limit allows. */
  overloaded: row(OWN, 424, { anyCall: true }),
  /** An option or argument of the library or CLI has a wrong type or value. */
  'invalid-option': row(OWN, 400, { anyCall: true, exitCode: 2 }),
} satisfies Record<string, ErrorRow>;

/** A stable error code: see {@link ERRORS} for what each one means. */
export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code);
}

/** The code of a JSON-RPC number that belongs to one code alone. */
export function codeOfNumber(number: number): ErrorCode {
  const codes = Object.keys(ERRORS) as ErrorCode[];
  return codes.find((code) => number !== OWN && ERRORS[code].number === number) ?? 'internal-error';
}

function row(
  number: number,
  httpStatus: number,
  { exitCode = 1, anyCall = false, advice }: Partial<Pick<ErrorRow, 'exitCode' | 'anyCall' | 'advice'>> = {},
): ErrorRow {
  return { number, httpStatus, exitCode, anyCall, ...(advice !== undefined && { advice }) };
}
