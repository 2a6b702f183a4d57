import type { Readable, Writable } from 'node:stream';
import type { Account } from '../accounts/account.js';
import { DEFAULT_CLI_STOP_MS, stopTimes } from '../lib/stop-times.js';
import { within } from '../lib/time.js';
import type { Redactor } from '../protocol/index.js';
import { Connection } from './connection.js';
import { createHandlers } from './handlers/index.js';
import { createServices } from './services.js';
import { watchParent } from './watch-parent.js';

export interface ServeOptions {
  input: Readable;
  /** Carries frames and nothing else, see `claimStdout`. */
  output: Writable;
  openAccount(): Promise<Account>;
  cwd: string;
  /** Whether methods that change something are refused. */
  readOnly?: boolean;
  log(line: string): void;
  /** Takes the one line that says which fault ended the session; default `log`. */
  onFault?(line: string): void;
  token?: string;
  /** Knows what no error may show, beside the token. Default: nothing. */
  redactor?: Redactor;
  /** The largest body accepted and sent, in bytes. Default 16 MiB. */
  maxBodyBytes?: number;
  /** How long its end may take, in milliseconds. Default {@link DEFAULT_CLI_STOP_MS}. */
  stopTimeoutMs?: number;
}

/** How often the parent process is looked for once the input has ended. */
const ENDED_POLL_MS = 50;

/**
 * Serves one client over a pair of streams until it shuts the server down, its input ends, it breaks the protocol,
 * the parent process is gone, or a signal asks for the end. Everything it opened is closed then.
 * @returns the exit code: 0 after a shutdown or the end of input, 1 after a fault, 128 + n after signal n
 */
export async function serveStdio(options: ServeOptions): Promise<number> {
  const services = createServices(options);
  const times = stopTimes(options.stopTimeoutMs ?? DEFAULT_CLI_STOP_MS);
  const connection = new Connection({
    input: options.input,
    output: options.output,
    handlers: createHandlers(services),
    services,
    token: options.token,
    maxBodyBytes: services.maxBodyBytes,
    stopTimes: times,
    onFault: options.onFault,
  });
  const interrupted = untilInterrupted(options.input);
  connection.listen();
  const code = await Promise.race([connection.ended.then(exitCodeOf), interrupted.code]);
  interrupted.stop();
  // What the account has not ended by then, the end of this process does.
  await within(times.accountMs, Promise.all([connection.close(), services.close()]));
  return code;
}

function exitCodeOf(reason: string): number {
  return reason === 'shutdown' || reason === 'input-ended' ? 0 : 1;
}

function untilInterrupted(input: Readable): { code: Promise<number>; stop(): void } {
  let settle: (code: number) => void = () => {};
  const code = new Promise<number>((resolve) => {
    settle = resolve;
  });
  const onTerminate = () => settle(143);
  // Ctrl-C reaches every process of a terminal's foreground group: a client that is still there ends the session in
  // its own order, so only a server run by hand obeys.
  const onInterrupt = () => {
    if ((input as { isTTY?: boolean }).isTTY) settle(130);
  };
  process.on('SIGTERM', onTerminate).on('SIGHUP', onTerminate).on('SIGINT', onInterrupt);
  let unwatch = watchParent(() => settle(0));
  // The input of a client that died ends too, and then nothing in flight is worth waiting for.
  const onEnd = () => {
    unwatch();
    unwatch = watchParent(() => settle(0), ENDED_POLL_MS);
  };
  input.once('end', onEnd);
  const stop = () => {
    unwatch();
    input.off('end', onEnd);
    process.off('SIGTERM', onTerminate).off('SIGHUP', onTerminate).off('SIGINT', onInterrupt);
  };
  return { code, stop };
}
