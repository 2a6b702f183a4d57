import { resolve } from 'node:path';
import { SidecarError } from '../protocol/index.js';
import type { Account } from './account.js';
import { type Credentials, findCredentials } from './credentials.js';

export interface OpenAccountOptions {
  /** `auto`: Cloudflare when there are credentials (see `findCredentials`), else local. An account id means Cloudflare. */
  account: 'auto' | 'local' | 'cloud' | (string & {});
  /** The local account's folder; default `$FLUORITE_FLAKE_HOME/local`, else the platform's data folder. */
  stateDir?: string;
  /** What a relative `stateDir` starts from. */
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** Lets local Workers reach public addresses; default whether `$FLUORITE_FLAKE_ALLOW_NETWORK` is `1`. */
  allowNetwork?: boolean;
  /** A line for the debug log; never a secret. */
  log(line: string): void;
  /** Takes every secret that is read from wherever, now and when a login is renewed, before it is used. */
  onSecrets?(secrets: string[]): void;
}

/**
 * Opens an account. The local one touches no file until it is used. Cloudflare's is asked once, and only when
 * nothing says which account of the credentials is meant.
 * @throws SidecarError `invalid-option`, `credentials-missing`, `credentials-expired`, `credentials-invalid`, and what the look-up fails with.
 */
export async function openAccount(options: OpenAccountOptions): Promise<Account> {
  const { account, env } = options;
  const found = account === 'local' ? undefined : await findCredentials(env);
  const credentials = found && tellSecrets(found, options.onSecrets ?? (() => {}));
  if (account === 'local' || (account === 'auto' && !credentials)) return openLocal(options);
  const accountId = chosenId(account, env);
  if (!credentials) throw missing();
  return openCloud(credentials, accountId ?? credentials.accountId, options);
}

function tellSecrets(credentials: Credentials, tell: (secrets: string[]) => void): Credentials {
  const { apiToken, apiKey, renew } = credentials;
  tell([apiToken, apiKey].filter((secret) => secret !== undefined));
  return { ...credentials, ...(renew && { renew: async () => tellSecrets(await renew(), tell) }) };
}

async function openLocal(options: OpenAccountOptions): Promise<Account> {
  const { stateDir, cwd, env, log } = options;
  const { openLocalAccount } = await import('./local/account.js');
  const folder = stateDir === undefined ? await defaultStateDir(env) : resolve(cwd, stateDir);
  const allowNetwork = options.allowNetwork || env.FLUORITE_FLAKE_ALLOW_NETWORK === '1';
  return openLocalAccount({ stateDir: folder, allowNetwork, log });
}

async function openCloud(
  credentials: Credentials,
  accountId: string | undefined,
  { env, log }: OpenAccountOptions,
): Promise<Account> {
  const { openCloudAccount } = await import('./cloud.js');
  return openCloudAccount({ credentials, accountId, baseURL: env.CLOUDFLARE_API_BASE_URL || undefined, log });
}

async function defaultStateDir(env: NodeJS.ProcessEnv): Promise<string> {
  if (env.FLUORITE_FLAKE_HOME) return resolve(env.FLUORITE_FLAKE_HOME, 'local');
  const { default: envPaths } = await import('env-paths');
  return resolve(envPaths('fluorite-flake', { suffix: '' }).data, 'local');
}

function chosenId(account: string, env: NodeJS.ProcessEnv): string | undefined {
  if (/^[0-9a-f]{32}$/.test(account)) return account;
  if (account === 'auto' || account === 'cloud') return givenId(env);
  throw new SidecarError(
    'invalid-option',
    `The account is \`auto\`, \`local\`, \`cloud\` or an account id of 32 hexadecimal digits, not ${account}.`,
  );
}

function givenId({ CLOUDFLARE_ACCOUNT_ID: given }: NodeJS.ProcessEnv): string | undefined {
  const id = given?.trim().toLowerCase();
  if (!id) return undefined;
  if (/^[0-9a-f]{32}$/.test(id)) return id;
  throw new SidecarError(
    'invalid-option',
    `CLOUDFLARE_ACCOUNT_ID is ${JSON.stringify(given)}; an account id has 32 hexadecimal digits.`,
  );
}

function missing(): SidecarError {
  return new SidecarError(
    'credentials-missing',
    'There are no Cloudflare credentials. Sign in with `fluorite-flake auth login` or `npx wrangler login`, or set CLOUDFLARE_API_TOKEN, or CLOUDFLARE_API_KEY and CLOUDFLARE_EMAIL; or use the account `local`.',
  );
}
