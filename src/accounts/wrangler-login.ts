import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { type Credentials, hasEnded, type Where } from './credentials.js';
import { jsonOf, readTextFile } from './text-file.js';
import { unreadable, wranglerFolder } from './wrangler-folder.js';
import { chooseProfile, DEFAULT_PROFILE } from './wrangler-profile.js';
import { findWrangler, WranglerProgram } from './wrangler-program.js';

export interface WranglerLogin {
  /** The profile that wrangler would use. */
  profile: string;
  /** What chose it; undefined for the default one, which nobody chose. */
  chosenBy?: string;
  /** Its login, which may have ended (see `expiresAt`) or be encrypted: then `renew` gives a live one. */
  credentials?: Credentials;
  /** What was passed over on the way. */
  warnings: string[];
  /** A login that is there or was asked for by name, and that nobody here can use: what it is and what to do. */
  unusable?: string;
}

const time = z.union([z.date(), z.string()]).optional();

/** `config/<profile>.toml`. Of the two tokens the second is of wrangler 1 and never ends. */
const loginSchema = z.object({
  oauth_token: z.string().optional(),
  api_token: z.string().optional(),
  expiration_time: time,
});

const preferencesSchema = z.object({ keyring_enabled: z.boolean().optional() });

/**
 * The login that wrangler would use in a folder. It is read and never written; one that is encrypted or has ended is
 * asked of wrangler itself, when it is first used.
 * @throws SidecarError `credentials-invalid` when something is there and cannot be read, and what choosing the profile
 * fails with.
 */
export async function findWranglerLogin(where: Where): Promise<WranglerLogin> {
  const { env, cwd } = where;
  const folder = await wranglerFolder(env);
  const { name: profile, chosenBy, warnings } = await chooseProfile(folder, cwd, env);
  const source = profile === DEFAULT_PROFILE ? 'wrangler login' : `wrangler login, profile ${profile}`;
  const plainPath = join(folder, 'config', `${profile}.toml`);
  const encryptedPath = join(folder, 'config', `${profile}.enc`);
  const found = { profile, chosenBy, warnings };
  const plain = await readLogin(plainPath, source, warnings);
  const isEncrypted = await exists(encryptedPath);
  if (!plain && !isEncrypted) {
    if (!chosenBy) return found;
    return { ...found, unusable: `wrangler has no login for its profile ${profile}, chosen by ${chosenBy}.` };
  }
  if (plain && !(isEncrypted && (await usesKeyring(folder, env, warnings)))) {
    return { ...found, credentials: renewable(plain, plainPath, profile, where) };
  }
  const program = await findWrangler(where);
  if (!program) return { ...found, unusable: nobodyToAsk(encryptedPath) };
  return { ...found, credentials: asked(new WranglerProgram(program, profile, where), source) };
}

/** A login that only wrangler can tell. */
function asked(program: WranglerProgram, source: string): Credentials {
  const close = () => program.close();
  const renew: Credentials['renew'] = async (refused) => ({
    ...(await program.token(refused)),
    source,
    renew,
    close,
  });
  return { source, expiresAt: 0, renew, close };
}

/** A login that ends: wrangler may have renewed it meanwhile, and does so when it is asked. */
function renewable(login: Credentials, path: string, profile: string, where: Where): Credentials {
  let program: WranglerProgram | undefined;
  const close = () => program?.close();
  const renew: Credentials['renew'] = async (refused) => {
    const now = await readLogin(path, login.source, []);
    if (now && !hasEnded(now)) return { ...now, renew, close };
    const found = program?.path ?? (await findWrangler(where));
    // Without a wrangler to ask, whoever needs it says that it has ended.
    if (!found) return { ...(now ?? login), renew, close };
    program ??= new WranglerProgram(found, profile, where);
    return { ...(await program.token(refused)), source: login.source, renew, close };
  };
  return { ...login, renew, close };
}

/** The tokens of one file; undefined where it is not there or has none, which is said. */
async function readLogin(path: string, source: string, warnings: string[]): Promise<Credentials | undefined> {
  const text = await readTextFile(path, (why) => unreadable(path, why));
  if (text === undefined) return undefined;
  const parsed = loginSchema.safeParse(await toml(text, path), { jitless: true });
  if (!parsed.success) {
    const names = parsed.error.issues.map((issue) => issue.path.join('.') || 'all of it');
    throw unreadable(path, `${names.join(', ')} is not what wrangler writes`);
  }
  const { oauth_token, api_token, expiration_time } = parsed.data;
  // Without a time wrangler takes it for ended too.
  if (oauth_token) return { apiToken: oauth_token, source, expiresAt: toMilliseconds(expiration_time) ?? 0 };
  if (api_token) return { apiToken: api_token, source };
  warnings.push(`${path} was passed over: it holds no login.`);
  return undefined;
}

async function toml(text: string, path: string): Promise<unknown> {
  const { parse } = await import('smol-toml');
  try {
    return parse(text);
  } catch {
    // The parser's own message quotes the line, and a line of this file may be the token.
    throw unreadable(path, 'it is not valid TOML');
  }
}

/** Whether wrangler prefers the encrypted one of two logins. */
async function usesKeyring(folder: string, env: NodeJS.ProcessEnv, warnings: string[]): Promise<boolean> {
  const given = env.CLOUDFLARE_AUTH_USE_KEYRING?.toLowerCase();
  if (given === 'true' || given === 'false') return given === 'true';
  const path = join(folder, 'preferences.json');
  const text = await readTextFile(path, (why) => unreadable(path, why));
  if (text === undefined) return false;
  const parsed = preferencesSchema.safeParse(jsonOf(text), { jitless: true });
  if (parsed.success) return parsed.data.keyring_enabled === true;
  warnings.push(`${path} was passed over: it is no JSON object of wrangler's preferences.`);
  return false;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw unreadable(path, code ?? 'it cannot be looked at');
  }
}

function nobodyToAsk(path: string): string {
  return `wrangler keeps its login encrypted in ${path}, which wrangler alone can read, and there is no wrangler in node_modules/.bin or on PATH to ask. Install wrangler in the project, sign in with \`fluorite-flake auth login\`, or set CLOUDFLARE_API_TOKEN.`;
}

function toMilliseconds(time: unknown): number | undefined {
  const ms = time instanceof Date ? time.getTime() : Date.parse(String(time));
  return Number.isNaN(ms) ? undefined : ms;
}
