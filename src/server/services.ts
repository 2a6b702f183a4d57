import type { Account } from '../accounts/account.js';
import { DEFAULT_MAX_BODY_BYTES, Redactor } from '../protocol/index.js';
import type { ServerServices } from './context.js';

export interface ServicesOptions {
  /** Opens the account; called at the first use, and again after it has failed. */
  openAccount(): Promise<Account>;
  cwd: string;
  readOnly?: boolean;
  /** The largest message, in bytes. Default 16 MiB. */
  maxBodyBytes?: number;
  /** Default: one that knows nothing. */
  redactor?: Redactor;
  log(line: string): void;
}

/** The services of one server, and the way to end them. */
export interface Services extends ServerServices {
  /** Closes the account if it was opened. Can be called twice. */
  close(): Promise<void>;
}

export function createServices(options: ServicesOptions): Services {
  const { openAccount, cwd, readOnly, log, redactor = new Redactor([]) } = options;
  const { maxBodyBytes = DEFAULT_MAX_BODY_BYTES } = options;
  let account: Promise<Account> | undefined;
  return {
    cwd,
    readOnly,
    maxBodyBytes,
    redactor,
    log,
    account() {
      account ??= openAccount().catch((error) => {
        account = undefined;
        throw error;
      });
      return account;
    },
    async close() {
      const opened = account;
      account = undefined;
      // An account that could not be opened has nothing to close; its caller got the error.
      await opened
        ?.then((open) => open.close())
        .catch((error: Error) => log(`closing the account failed: ${error.message}`));
    },
  };
}
