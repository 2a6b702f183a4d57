import type { CloudflareClient } from './client.js';
import { call } from './errors.js';

/** The accounts that the credentials reach. */
export async function listAccounts(
  client: CloudflareClient,
  signal: AbortSignal,
): Promise<{ id: string; name: string }[]> {
  const page = await call('list the accounts', signal, (signal) =>
    client.accounts.list({ per_page: 50 }, { signal }),
  );
  return page.result.map(({ id, name }) => ({ id, name }));
}
