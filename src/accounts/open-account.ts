import { resolve } from 'node:path';
import { SidecarError } from '../protocol/index.js';
import type { Account } from './account.js';
import { accountIdOf, environmentAccountId } from './account-id.js';
import type { Credentials } from './credentials.js';
import { type Found, findCredentials } from './find-credentials.js';

export interface OpenAccountOptions {
  /** `auto`: Cloudflare when there are credentials (see `findCredentials`), else local. An account id means Cloudflare. */
  account: 'auto' | 'local' | 'cloud' | (string & {});
  /** The local account's folder; default `$FLUORITE_FLAKE_HOME/local`, else the platform's data folder. */
  stateDir?: string;
  /** What a relative `stateDir` starts from, and the folder whose profile of wrangler counts. */
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** Lets local Workers reach public addresses; default whether `$FLUORITE_FLAKE_ALLOW_NETWORK` is `1`. */
  allowNetwork?: boolean;
  /** A descriptor that every process of the local account keeps open as long as it lives. */
  aliveFd?: number;
  /** A line for the debug log; never a secret. */
  log(line: string): void;
  /** Takes every secret that is read from wherever, now and when a login is renewed, before it is used. */
  onSecrets?(secrets: string[]): void;
}

/**
 * Opens an account. The local one touches no file until it is used. Cloudflare's is asked once, and only when
 * nothing says which account of the credentials is meant; where wrangler has to be asked first, at the first use.
 * What its user should know of how the account was chosen is in `info.warnings`.
 * @throws SidecarError `invalid-option`, `credentials-missing`, `credentials-expired`, `credentials-invalid`, and what the look-up fails with.
 */
export async function openAccount(options: OpenAccountOptions): Promise<Account> {
  const { account, env } = options;
  if (account === 'local') return openLocal(options);
  const accountId = chosenId(account, env);
  const found = await findCredentials(options);
  const { warnings } = found;
  const credentials = found.credentials && tellSecrets(found.credentials, options.onSecrets ?? (() => {}));
  if (!credentials && account !== 'auto') throw missing(warnings);
  const opened = credentials
    ? await openCloud(credentials, accountId ?? credentials.accountId, options)
    : await openLocal(options);
  if (warnings.length > 0) opened.info.warnings = warnings;
  opened.checkFolder = (folder) => checkFolder(folder, found, options);
  return opened;
}

/**
 * Whether wrangler would sign in alike in another folder.
 * @throws SidecarError `invalid-params`: what is done there must not be done as somebody else
 */
async function checkFolder(folder: string, used: Found, { cwd, env }: OpenAccountOptions): Promise<void> {
  if (used.profile === undefined) return;
  const there = await findCredentials({ env, cwd: folder });
  const source = ({ credentials }: Found) => credentials?.source ?? 'no credentials, the local account';
  if (there.profile === used.profile || source(there) === source(used)) return;
  throw new SidecarError(
    'invalid-params',
    `For ${folder} wrangler would use its profile ${there.profile} (${source(there)}); this session, started for ${cwd}, uses its profile ${used.profile} (${source(used)}). Start one with that folder as its cwd, or set CLOUDFLARE_AUTH_PROFILE to the profile that is meant.`,
    { data: { folder, profile: there.profile, inUse: used.profile } },
  );
}

function tellSecrets(credentials: Credentials, tell: (secrets: string[]) => void): Credentials {
  const { apiToken, apiKey, renew } = credentials;
  tell([apiToken, apiKey].filter((secret) => secret !== undefined));
  return {
    ...credentials,
    ...(renew && { renew: async (refused) => tellSecrets(await renew(refused), tell) }),
  };
}

async function openLocal(options: OpenAccountOptions): Promise<Account> {
  const { stateDir, cwd, env, log } = options;
  const { openLocalAccount } = await import('./local/account.js');
  const folder = stateDir === undefined ? await defaultStateDir(env) : resolve(cwd, stateDir);
  const allowNetwork = options.allowNetwork || env.FLUORITE_FLAKE_ALLOW_NETWORK === '1';
  return openLocalAccount({ stateDir: folder, allowNetwork, aliveFd: options.aliveFd, log });
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
  if (account === 'auto' || account === 'cloud') return environmentAccountId(env);
  const id = accountIdOf(account);
  if (id) return id;
  throw new SidecarError(
    'invalid-option',
    `The account is \`auto\`, \`local\`, \`cloud\` or an account id of 32 hexadecimal digits, not ${account}.`,
  );
}

function missing(found: readonly string[]): SidecarError {
  return new SidecarError(
    'credentials-missing',
    [
      'There are no Cloudflare credentials.',
      ...found,
      'Sign in with `fluorite-flake auth login` or `npx wrangler login`, or set CLOUDFLARE_API_TOKEN, or CLOUDFLARE_API_KEY and CLOUDFLARE_EMAIL; or use the account `local`.',
    ].join(' '),
  );
}
