import type { Account } from '../../accounts/account.js';
import type { Api } from '../../cloudflare/client.js';
import { SidecarError } from '../../protocol/index.js';
import type { ServerServices } from '../context.js';

/** The SDK's client on the account in use. @throws SidecarError `cancelled`, and what opening the account fails with */
export async function openApi(services: ServerServices, signal: AbortSignal): Promise<Api> {
  return apiOf(await services.account(), signal);
}

/** The same of an open account. Where wrangler has to be asked first, a cancelled call does not wait for it. */
export async function apiOf(account: Account, signal: AbortSignal): Promise<Api> {
  const client = account.client();
  if (account.info.id !== '') return { client: await client, accountId: account.info.id };
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new SidecarError('cancelled', 'Cancelled: open the account.'));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    if (signal.aborted) onAbort();
    return { client: await Promise.race([client, aborted]), accountId: account.info.id };
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
