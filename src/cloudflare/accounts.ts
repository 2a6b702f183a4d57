import { SidecarError } from '../protocol/index.js';
import type { CloudflareClient } from './client.js';
import { call } from './errors.js';
import { everyPage } from './pages.js';

const ACCOUNTS_PER_PAGE = 50;

/** The accounts that the credentials reach. */
export async function listAccounts(
  client: CloudflareClient,
  signal: AbortSignal,
): Promise<{ id: string; name: string }[]> {
  const what = 'list the accounts';
  const found = await everyPage(ACCOUNTS_PER_PAGE, what, async (page) => {
    const query = { page, per_page: ACCOUNTS_PER_PAGE };
    return (await call(what, signal, (signal) => client.accounts.list(query, { signal }))).result;
  });
  return found.map(({ id, name }) => ({ id, name }));
}

interface TokenAnswer {
  result: { status: string; expires_on?: string };
}

/**
 * Has Cloudflare say that a token is valid. A token belongs to a user or to an account, and each kind is verified at
 * an address of its own; a login of wrangler is neither and shows itself by what it can do.
 * @returns undefined when Cloudflare knows no such token
 * @throws SidecarError `credentials-invalid` when it is disabled or has expired.
 */
export async function verifyToken(
  client: CloudflareClient,
  accountId: string | undefined,
  signal: AbortSignal,
): Promise<{ expiresOn?: string } | undefined> {
  const answer =
    (await verifyAt(client, '/user', signal)) ?? (await verifyOfAccount(client, accountId, signal));
  if (!answer) return undefined;
  const { status, expires_on: expiresOn } = answer.result;
  if (status === 'active') return { ...(expiresOn && { expiresOn }) };
  throw new SidecarError(
    'credentials-invalid',
    `Cloudflare says that the token is ${status}. Make a new one at https://dash.cloudflare.com/profile/api-tokens.`,
  );
}

async function verifyOfAccount(client: CloudflareClient, accountId: string | undefined, signal: AbortSignal) {
  return accountId === undefined ? undefined : verifyAt(client, `/accounts/${accountId}`, signal);
}

/** undefined where Cloudflare knows no such token; whether it is one at all shows in the next request. */
async function verifyAt(
  client: CloudflareClient,
  owner: string,
  signal: AbortSignal,
): Promise<TokenAnswer | undefined> {
  try {
    return await call('verify the token', signal, (signal) =>
      client.get<TokenAnswer>(`${owner}/tokens/verify`, { signal }),
    );
  } catch (error) {
    const refused = ['credentials-invalid', 'permission-denied', 'not-found', 'cloudflare-error'];
    if (error instanceof SidecarError && refused.includes(error.code) && !isServerFault(error))
      return undefined;
    throw error;
  }
}

function isServerFault({ data }: SidecarError): boolean {
  const { status = 500 } = (data.cloudflare ?? {}) as { status?: number };
  return status >= 500;
}
