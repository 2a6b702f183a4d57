import type { Api } from '../../cloudflare/client.js';
import type { ServerServices } from '../context.js';

/** The SDK's client on the account in use. */
export async function openApi(services: ServerServices): Promise<Api> {
  const account = await services.account();
  return { client: await account.client(), accountId: account.info.id };
}
