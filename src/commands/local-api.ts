import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SidecarError } from '../protocol/index.js';
import type { Command } from './command.js';
import type { CommandInput } from './input.js';
import { readTokenLine } from './read-token.js';
import type { Session } from './session.js';

type Listen = { socketPath: string } | { port: number; token: string };

const TOKEN_BYTES = 32;
/** On the socket nobody asks for it, but wrangler does not start without one. */
const ANY_TOKEN = 'local';

export const localApiCommand: Command = {
  path: ['local', 'api'],
  summary: "Serves the local account's API v4 until Ctrl-C, for wrangler and other tools of Cloudflare's.",
  arguments: [],
  options: [
    { flags: '--socket <path>', description: 'serve on this unix socket, which only this user can open' },
    {
      flags: '--port <number>',
      description: 'serve on this port of 127.0.0.1 instead (0: any), behind a token',
    },
    {
      flags: '--auth-stdin',
      description:
        'with --port: the token is the first line of stdin (otherwise CLOUDFLARE_API_TOKEN, or a random one)',
    },
  ],
  examples: ['local api --socket /tmp/cloudflare.sock', 'local api --port 8799'],
  async run(input, session) {
    const stateDir = await stateDirOf(input, session);
    const listen = await listenOf(input, session);
    const log = input.flag('debug') ? (line: string) => session.terminal.printError(line) : () => {};
    const { serveLocalApi } = await import('../accounts/local/api-server.js');
    const server = await serveLocalApi({
      stateDir,
      listen,
      allowNetwork: input.flag('allowNetwork') || process.env.FLUORITE_FLAKE_ALLOW_NETWORK === '1',
      readOnly: input.flag('readOnly') === true,
      log,
    });
    try {
      const env = environment(server, listen);
      if (session.json) await session.print(`${JSON.stringify({ env })}\n`);
      else tell(session, env);
      await aborted(session.signal);
    } finally {
      await server.close();
    }
  },
};

/** The state directory of the local account, whatever credentials there are. Opening it touches no file. */
async function stateDirOf(input: CommandInput, { cwd, terminal, json }: Session): Promise<string> {
  const chosen = input.text('account') ?? 'local';
  if (chosen !== 'local' && chosen !== 'auto') {
    throw new SidecarError('invalid-option', `Only the local account is served, not --account ${chosen}.`);
  }
  const { openAccount } = await import('../accounts/index.js');
  const stateDir = input.text('stateDir');
  const account = await openAccount({ account: 'local', stateDir, cwd, env: process.env, log: () => {} });
  await account.close();
  const { info } = account;
  terminal.printError(json ? JSON.stringify({ account: info }) : `local account, state in ${info.stateDir}`);
  return info.stateDir ?? '';
}

async function listenOf(input: CommandInput, session: Session): Promise<Listen> {
  const socket = input.text('socket');
  const port = input.number('port');
  if ((socket === undefined) === (port === undefined)) {
    throw new SidecarError('invalid-option', 'Give either --socket <path> or --port <number>.');
  }
  const fromStdin = input.flag('authStdin') === true;
  if (socket !== undefined) {
    if (fromStdin) throw new SidecarError('invalid-option', '--auth-stdin goes with --port only.');
    return { socketPath: resolve(session.cwd, socket) };
  }
  if (!Number.isInteger(port) || Number(port) < 0 || Number(port) > 65_535) {
    throw new SidecarError('invalid-option', `--port takes a whole number up to 65535, not ${port}.`);
  }
  const token = fromStdin ? await readTokenLine(process.stdin) : process.env.CLOUDFLARE_API_TOKEN?.trim();
  return { port: Number(port), token: token || newToken(session) };
}

/** Told once, here, and nowhere else. */
function newToken({ terminal, json }: Session): string {
  const token = randomBytes(TOKEN_BYTES).toString('hex');
  terminal.printError(json ? JSON.stringify({ token }) : `CLOUDFLARE_API_TOKEN=${token}`);
  return token;
}

/** What a tool of Cloudflare's needs in its environment; the token of a port is not repeated. */
function environment(
  { accountId, baseUrl }: { accountId: string; baseUrl: string },
  listen: Listen,
): Record<string, string> {
  const env = {
    CLOUDFLARE_API_BASE_URL: baseUrl,
    CLOUDFLARE_ACCOUNT_ID: accountId,
    // What stays on this machine is nobody's telemetry; without its banner wrangler asks no registry for updates.
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_HIDE_BANNER: 'true',
  };
  if (!('socketPath' in listen)) return env;
  return {
    ...env,
    CLOUDFLARE_API_TOKEN: ANY_TOKEN,
    FLUORITE_FLAKE_API_SOCKET: listen.socketPath,
    NODE_OPTIONS: `--import=${preloadUrl()}`,
  };
}

/** From a chunk of the CLI's bundle, and from source. */
function preloadUrl(): string {
  const candidates = ['../src/socket-preload.js', './socket-preload.js', '../socket-preload.ts'].map(
    (path) => new URL(path, import.meta.url),
  );
  const found = candidates.find((url) => existsSync(fileURLToPath(url)));
  if (found) return found.href;
  throw new SidecarError(
    'internal-error',
    'The file socket-preload.js of the package is missing. Install it again.',
  );
}

function tell({ terminal }: Session, env: Record<string, string>): void {
  const lines = Object.entries(env).map(([name, value]) => `  export ${name}='${value}'`);
  terminal.printError(
    ["Serving API v4. For wrangler and other tools of Cloudflare's:", ...lines, 'Ctrl-C ends it.'].join('\n'),
  );
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
