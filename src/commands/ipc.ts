import { fstatSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import { Redactor, SidecarError, secretsOfEnvironment } from '../protocol/index.js';
import { serveStdio } from '../server/index.js';
import { accountLines } from './account-line.js';
import { readTokenFromFd, readTokenLine } from './read-token.js';

/** The arguments of `fluorite-flake ipc`. A token is never one of them: argv is readable by every user. */
export interface IpcArguments {
  account: string;
  stateDir?: string;
  cwd: string;
  maxBodyBytes?: number;
  authFd?: number;
  /** A descriptor that every process of the account keeps open as long as it lives. */
  aliveFd?: number;
  /** Milliseconds. */
  stopTimeout?: number;
  authStdin: boolean;
  allowNetwork: boolean;
  readOnly: boolean;
  debug: boolean;
}

/** @throws SidecarError `invalid-option` */
export function parseIpcArguments(argv: readonly string[]): IpcArguments {
  const values = parseValues(argv);
  const authFd = wholeNumber('--auth-fd', values['auth-fd'], 3);
  if (authFd !== undefined && values['auth-stdin']) {
    throw new SidecarError('invalid-option', '--auth-fd and --auth-stdin exclude each other.');
  }
  return {
    account: values.account ?? 'auto',
    stateDir: values['state-dir'],
    cwd: values.cwd ?? process.cwd(),
    maxBodyBytes: wholeNumber('--max-body-bytes', values['max-body-bytes'], 1024),
    authFd,
    aliveFd: openDescriptor('--alive-fd', wholeNumber('--alive-fd', values['alive-fd'], 3)),
    stopTimeout: wholeNumber('--stop-timeout', values['stop-timeout'], 0),
    authStdin: values['auth-stdin'] ?? false,
    allowNetwork: values['allow-network'] ?? false,
    readOnly: values['read-only'] ?? false,
    debug: values.debug ?? false,
  };
}

function parseValues(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      strict: true,
      options: {
        account: { type: 'string' },
        'state-dir': { type: 'string' },
        cwd: { type: 'string' },
        'max-body-bytes': { type: 'string' },
        'auth-fd': { type: 'string' },
        'alive-fd': { type: 'string' },
        'stop-timeout': { type: 'string' },
        'auth-stdin': { type: 'boolean' },
        'allow-network': { type: 'boolean' },
        'read-only': { type: 'boolean' },
        debug: { type: 'boolean' },
      },
    }).values;
  } catch (cause) {
    throw new SidecarError('invalid-option', `ipc: ${(cause as Error).message}`, { cause });
  }
}

function wholeNumber(option: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number) && number >= least) return number;
  throw new SidecarError(
    'invalid-option',
    `${option} takes a whole number from ${least}, not ${JSON.stringify(text)}.`,
  );
}

/** @throws SidecarError `invalid-option` when nothing is open there */
function openDescriptor(option: string, fd: number | undefined): number | undefined {
  try {
    if (fd !== undefined) fstatSync(fd);
    return fd;
  } catch (cause) {
    throw new SidecarError('invalid-option', `${option} ${fd}: no pipe is open there.`, { cause });
  }
}

/**
 * Serves JSON-RPC 2.0 over stdin and `frames` until the client ends it.
 * @param frames the real stdout; `process.stdout` leads to stderr here
 * @returns the exit code
 */
export async function ipcCommand(argv: readonly string[], frames: Writable): Promise<number> {
  const options = parseIpcArguments(argv);
  const token =
    options.authFd !== undefined
      ? await readTokenFromFd(options.authFd)
      : options.authStdin
        ? await readTokenLine(process.stdin)
        : undefined;
  const redactor = new Redactor(secretsOfEnvironment(process.env));
  const print = (line: string) => void process.stderr.write(`${redactor.text(line)}\n`);
  const log = options.debug ? print : () => {};
  return serveStdio({
    input: process.stdin,
    output: frames,
    cwd: options.cwd,
    readOnly: options.readOnly,
    log,
    onFault: print,
    token,
    redactor,
    maxBodyBytes: options.maxBodyBytes,
    stopTimeoutMs: options.stopTimeout,
    async openAccount() {
      const { openAccount } = await import('../accounts/index.js');
      const { account } = options;
      const opened = await openAccount({
        account,
        stateDir: options.stateDir,
        allowNetwork: options.allowNetwork,
        aliveFd: options.aliveFd,
        cwd: options.cwd,
        env: process.env,
        log,
        onSecrets: (found) => redactor.learn(found),
      });
      const [line, ...warnings] = accountLines(opened.info, account);
      // Who named the account knows it; what was chosen for him is said.
      for (const said of account === 'auto' ? [line, ...warnings] : warnings) {
        process.stderr.write(`${said}\n`);
      }
      return opened;
    },
  });
}
