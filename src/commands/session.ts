import { resolve } from 'node:path';
import type { Account } from '../accounts/account.js';
import {
  type MethodName,
  type Params,
  parseParams,
  parseResult,
  type Result,
  SidecarError,
} from '../protocol/index.js';
import { CallContext } from '../server/call-context.js';
import type { Handlers } from '../server/context.js';
import { createServices, type Services } from '../server/services.js';
import { accountLines } from './account-line.js';
import { confirm } from './confirm.js';
import type { GlobalOptions } from './global-options.js';
import type { Terminal } from './terminal.js';

/** What a running command works with: one account, one terminal, one signal that ends it. */
export interface Session {
  readonly json: boolean;
  readonly cwd: string;
  readonly signal: AbortSignal;
  readonly terminal: Terminal;
  print(text: string | Uint8Array): Promise<void>;
  /** A line beside the result, on stderr; with `--json` it is left out, because the result has it. */
  note(line: string): void;
  /** Calls a method of the contract in this process, params and result checked as the server does it. */
  call<M extends MethodName>(method: M, params?: Params<M>): Promise<Result<M>>;
  account(): Promise<Account>;
  /** Asks the person at the terminal, if there is one. @throws SidecarError `cancelled` when the answer is no */
  confirmDeletion(what: string): Promise<void>;
  /** Closes the account. Can be called twice. */
  close(): Promise<void>;
}

export function createSession(options: GlobalOptions, terminal: Terminal, signal: AbortSignal): Session {
  const cwd = resolve(options.cwd ?? '.');
  const services = commandServices(options, cwd, terminal, signal);
  const context = CallContext.within(signal, ({ message }) => {
    if (terminal.isInteractive && !options.json) terminal.printError(message);
  });
  return {
    json: options.json,
    cwd,
    signal,
    terminal,
    print: (text) => terminal.print(text),
    note: (line) => {
      if (!options.json) terminal.printError(line);
    },
    async call(method, params) {
      const parsed = parseParams(method, params);
      const { createHandlers } = await import('../server/handlers/index.js');
      const handler = handlerOf(createHandlers(services), method);
      return parseResult(method, await handler(parsed, context));
    },
    account: services.account,
    async confirmDeletion(what) {
      const { info } = await services.account();
      const where = info.kind === 'local' ? 'the local account' : `the Cloudflare account ${info.name}`;
      const streams = { input: process.stdin, output: process.stderr };
      if (await confirm(`Delete ${what} from ${where}?`, streams, signal)) return;
      throw new SidecarError('cancelled', 'Nothing was deleted.');
    },
    close: services.close,
  };
}

function commandServices(
  options: GlobalOptions,
  cwd: string,
  terminal: Terminal,
  signal: AbortSignal,
): Services {
  const log = options.debug ? (line: string) => terminal.printError(line) : () => {};
  return createServices({
    cwd,
    readOnly: options.readOnly,
    redactor: terminal.redactor,
    log,
    async openAccount() {
      const { openAccount } = await import('../accounts/index.js');
      const { account, stateDir, allowNetwork } = options;
      const opened = await openAccount({
        account,
        stateDir,
        allowNetwork,
        cwd,
        env: process.env,
        log,
        onSecrets: (secrets) => terminal.hide(secrets),
      });
      // Unlike a session, a command waits for wrangler where that has to be asked for its login.
      if (opened.info.id === '') await identified(opened, signal);
      const { info } = opened;
      const lines = options.json ? [JSON.stringify({ account: info })] : accountLines(info, account);
      for (const line of lines) terminal.printError(line);
      return opened;
    },
  });
}

/** Asks whose account it is; one that is not to be known is closed again. */
async function identified(account: Account, signal: AbortSignal): Promise<void> {
  const close = () => void account.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    await account.client();
  } catch (error) {
    await account.close();
    throw error;
  } finally {
    signal.removeEventListener('abort', close);
  }
}

type AnyHandler = (params: unknown, context: CallContext) => unknown;

function handlerOf(handlers: Handlers, method: MethodName): AnyHandler {
  const all: Readonly<Partial<Record<MethodName, unknown>>> = handlers;
  // Params were checked against the method's own schema just before: the one place that knows both.
  if (Object.hasOwn(handlers, method)) return all[method] as AnyHandler;
  throw new SidecarError('method-not-found', `${method} belongs to a connection, not to a command.`);
}
