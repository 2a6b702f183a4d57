import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SidecarError } from '../protocol/index.js';
import type { Credentials } from './credentials.js';

/**
 * The login that `wrangler login` keeps, which is read and never written; undefined when there is none. It may have
 * ended: see `expiresAt`.
 * @throws SidecarError `credentials-invalid` when the file is there and cannot be read.
 */
export async function readWranglerLogin(env: NodeJS.ProcessEnv): Promise<Credentials | undefined> {
  const path = join(await wranglerFolder(env), 'config', 'default.toml');
  const text = await readOptional(path);
  if (text === undefined) return undefined;
  const { oauth_token: apiToken, expiration_time: expiry } = await parse(text, path);
  if (typeof apiToken !== 'string' || apiToken === '') return undefined;
  return {
    apiToken,
    source: 'wrangler login',
    // Without a time wrangler takes it for ended too.
    expiresAt: toMilliseconds(expiry) ?? 0,
    renew: async () => (await readWranglerLogin(env)) ?? { source: 'wrangler login', expiresAt: 0 },
  };
}

/** As wrangler looks for it: `~/.wrangler` where that is a folder, else the platform's configuration folder. */
async function wranglerFolder(env: NodeJS.ProcessEnv): Promise<string> {
  const home = (process.platform === 'win32' ? env.USERPROFILE : env.HOME) || homedir();
  const legacy = join(home, '.wrangler');
  return (await isFolder(legacy))
    ? legacy
    : join(env.XDG_CONFIG_HOME || configFolder(home, env), '.wrangler');
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    // To look elsewhere would take one account for another.
    throw unreadable(path, code ?? 'it cannot be looked at');
  }
}

function configFolder(home: string, env: NodeJS.ProcessEnv): string {
  if (process.platform === 'darwin') return join(home, 'Library', 'Preferences');
  if (process.platform !== 'win32') return join(home, '.config');
  return join(env.APPDATA || join(home, 'AppData', 'Roaming'), 'xdg.config');
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unreadable(path, code ?? 'it cannot be read');
  }
}

async function parse(text: string, path: string): Promise<Record<string, unknown>> {
  const { parse: parseToml } = await import('smol-toml');
  try {
    return parseToml(text);
  } catch {
    // The parser's own message quotes the line, and a line of this file may be the token.
    throw unreadable(path, 'it is not valid TOML');
  }
}

function unreadable(path: string, why: string): SidecarError {
  return new SidecarError(
    'credentials-invalid',
    `The login of wrangler in ${path} cannot be read: ${why}. Run \`npx wrangler login\` anew, or remove the file.`,
    { data: { path } },
  );
}

function toMilliseconds(time: unknown): number | undefined {
  const ms = time instanceof Date ? time.getTime() : Date.parse(String(time));
  return Number.isNaN(ms) ? undefined : ms;
}
