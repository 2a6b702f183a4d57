import type { Account } from '../accounts/account.js';
import type { CallableMethod, ParsedParams, Redactor, Result } from '../protocol/index.js';
import type { CallContext } from './call-context.js';

export type { CallContext };

/** What the handlers of one server share. */
export interface ServerServices {
  /** The account, opened at the first use. */
  account(): Promise<Account>;
  /** The folder that relative paths in params start from. */
  readonly cwd: string;
  /** Whether methods that change something are refused; default false. */
  readonly readOnly?: boolean;
  /** The largest message that the client takes, in bytes. */
  readonly maxBodyBytes: number;
  /** Knows what nobody may be shown, those secrets too that are learned when the account is opened. */
  readonly redactor: Redactor;
  /** A line for the debug log on stderr; never a secret. */
  log(line: string): void;
}

/** A handler gets params that fit the contract and returns a result that does, or throws a SidecarError. */
export type Handler<M extends CallableMethod> = (
  params: ParsedParams<M>,
  context: CallContext,
) => Promise<Result<M>> | Result<M>;

/** The methods that belong to one connection and not to the account. */
export type ConnectionMethod = 'system.shutdown' | 'dashboard.tailLogs' | 'dashboard.stopTail';

/** One handler a method: a forgotten one is a compile error. */
export type Handlers = { readonly [M in Exclude<CallableMethod, ConnectionMethod>]: Handler<M> };
