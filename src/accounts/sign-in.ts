import { SidecarError } from '../protocol/index.js';
import { type Credentials, findCredentials } from './credentials.js';
import { removeProfile, type StoredAt, storeProfile } from './stored-profile.js';

export interface SignInContext {
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
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
  { env, signal }: SignInContext,
): Promise<Identity & { stored: StoredAt }> {
  if (!/^[\w.~+/=-]{8,4096}$/.test(apiToken)) {
    throw new SidecarError(
      'credentials-invalid',
      'What was given is no API token: a token is one word. Make one at https://dash.cloudflare.com/profile/api-tokens.',
    );
  }
  const identity = await identify({ apiToken, source: 'fluorite-flake auth login' }, accountId, env, signal);
  const { account } = identity;
  const stored = await storeProfile(env, { apiToken, accountId: account?.id, accountName: account?.name });
  return { ...identity, stored };
}

/** Forgets the stored token; false when there was none. */
export function signOut({ env }: Pick<SignInContext, 'env'>): Promise<boolean> {
  return removeProfile(env);
}

/** Whose credentials are in use. @throws SidecarError `credentials-missing` when there are none. */
export async function whoAmI(
  accountId: string | undefined,
  { env, signal }: SignInContext,
): Promise<Identity> {
  const credentials = await findCredentials(env);
  if (credentials) {
    const chosen = accountId ?? (env.CLOUDFLARE_ACCOUNT_ID?.trim() || credentials.accountId);
    return identify(credentials, chosen, env, signal);
  }
  throw new SidecarError(
    'credentials-missing',
    'Nobody is signed in. Sign in with `fluorite-flake auth login`, or set CLOUDFLARE_API_TOKEN.',
  );
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
