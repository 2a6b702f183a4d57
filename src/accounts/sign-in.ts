import { SidecarError } from '../protocol/index.js';
import { accountIdOf, environmentAccountId } from './account-id.js';
import { type Credentials, expired, hasEnded, isToken } from './credentials.js';
import { findCredentials } from './find-credentials.js';
import { removeProfile, type StoredAt, storeProfile } from './stored-profile.js';

export interface SignInContext {
  env: NodeJS.ProcessEnv;
  /** The folder whose profile of wrangler counts. */
  cwd: string;
  signal: AbortSignal;
  /** Takes every secret that is found, before it is used. */
  onSecrets(secrets: string[]): void;
}

/** An account the credentials reach. */
export interface ReachedAccount {
  id: string;
  name: string;
}

/** Whose credentials these are, as Cloudflare tells it. */
export interface Identity {
  /** Where the credentials came from. */
  credentials: string;
  /** When the token ends, ISO 8601; undefined where it is not known to. */
  expiresOn?: string;
  /** The account that is used; undefined when it is not clear which. */
  account?: ReachedAccount;
  accounts: ReachedAccount[];
  /** What was found on the way and is not used, and why; left out when there is nothing to say. */
  warnings?: string[];
}

/**
 * Has Cloudflare verify a token and keeps it.
 * @param accountId the account to use; needed later when the token reaches several.
 * @throws SidecarError `credentials-invalid`, `not-found` for an account that the token does not reach, and what the
 * requests and the storing fail with.
 */
export async function signIn(
  apiToken: string,
  accountId: string | undefined,
  { env, signal }: Pick<SignInContext, 'env' | 'signal'>,
): Promise<Identity & { stored: StoredAt }> {
  if (!isToken(apiToken)) {
    throw new SidecarError(
      'credentials-invalid',
      'What was given is no API token: a token is one word. Make one at https://dash.cloudflare.com/profile/api-tokens.',
    );
  }
  const identity = await identify({ apiToken, source: 'fluorite-flake auth login' }, accountId, env, signal);
  const { account } = identity;
  const stored = await storeProfile(env, {
    apiToken,
    accountId: account && accountIdOf(account.id),
    accountName: account?.name,
  });
  return { ...identity, stored };
}

/** Forgets the stored token; false when there was none. */
export function signOut({ env }: Pick<SignInContext, 'env'>): Promise<boolean> {
  return removeProfile(env);
}

/**
 * Whose credentials are in use. A login of wrangler that is encrypted or has ended is asked of wrangler.
 * @param accountId as in `openAccount`: instead of CLOUDFLARE_ACCOUNT_ID and the account that was chosen at sign-in
 * @throws SidecarError `credentials-missing` when there are none, `invalid-option` for an id that is none, and what
 * finding them and the requests fail with.
 */
export async function whoAmI(
  accountId: string | undefined,
  { env, cwd, signal, onSecrets }: SignInContext,
): Promise<Identity> {
  const chosen = accountId ?? environmentAccountId(env);
  const { credentials, warnings } = await findCredentials({ env, cwd });
  if (!credentials) {
    throw new SidecarError(
      'credentials-missing',
      [
        'Nobody is signed in.',
        ...warnings,
        'Sign in with `fluorite-flake auth login`, or set CLOUDFLARE_API_TOKEN.',
      ].join(' '),
    );
  }
  const live = await liveCredentials(credentials, signal);
  onSecrets([live.apiToken, live.apiKey].filter((secret) => secret !== undefined));
  const identity = await identify(live, chosen ?? live.accountId, env, signal);
  return { ...identity, ...(warnings.length > 0 && { warnings }) };
}

async function liveCredentials(credentials: Credentials, signal: AbortSignal): Promise<Credentials> {
  if (!credentials.renew || !hasEnded(credentials)) return credentials;
  const close = () => credentials.close?.();
  signal.addEventListener('abort', close, { once: true });
  try {
    if (signal.aborted) close();
    const live = await credentials.renew();
    if (hasEnded(live)) throw expired(live);
    return live;
  } finally {
    signal.removeEventListener('abort', close);
  }
}

async function identify(
  credentials: Credentials,
  accountId: string | undefined,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Identity> {
  const { createCloudClient } = await import('./cloud-client.js');
  const { listAccounts, verifyToken } = await import('../cloudflare/accounts.js');
  const client = await createCloudClient({ credentials, baseURL: env.CLOUDFLARE_API_BASE_URL || undefined });
  const verified = credentials.apiToken ? await verifyToken(client, accountId, signal) : undefined;
  const accounts = await listAccounts(client, signal);
  if (accounts.length === 0 && credentials.apiToken && !verified) throw noAccount();
  const account = accountId === undefined ? undefined : accounts.find(({ id }) => id === accountId);
  if (accountId !== undefined && !account && accounts.length > 0) throw notReached(accountId, accounts);
  return {
    credentials: credentials.source,
    ...verified,
    account: account ?? (accounts.length === 1 ? accounts[0] : undefined),
    accounts,
  };
}

function noAccount(): SidecarError {
  return new SidecarError(
    'credentials-invalid',
    'Cloudflare knows no such token, and it reaches no account. For a token that belongs to an account, say which with --account <id>.',
  );
}

function notReached(accountId: string, accounts: readonly ReachedAccount[]): SidecarError {
  const choices = accounts.map(({ id, name }) => `${name} (${id})`).join(', ');
  return new SidecarError(
    'not-found',
    `The credentials do not reach the account ${accountId}. They reach: ${choices}.`,
    { data: { accounts } },
  );
}
