import type { CloudflareClient } from '../cloudflare/client.js';
import type { PoliteLimits } from '../cloudflare/polite-fetch.js';
import { SidecarError } from '../protocol/index.js';
import type { Credentials } from './credentials.js';
import { checkHeaderValues, Signer } from './signer.js';

export interface CloudClientOptions {
  credentials: Credentials;
  /** Where API v4 is; default Cloudflare's own. */
  baseURL?: string;
  /** Sends one request; default Node's fetch. */
  send?: typeof fetch;
  /** Shorter ones, for tests. */
  limits?: Partial<PoliteLimits>;
}

/** The SDK's client on Cloudflare itself. @throws SidecarError `credentials-invalid`, `invalid-option` */
export async function createCloudClient(options: CloudClientOptions): Promise<CloudflareClient> {
  const { credentials, baseURL, send, limits } = options;
  checkHeaderValues(credentials);
  checkBaseUrl(baseURL);
  const [{ createCloudflareClient }, { politeFetch }] = await Promise.all([
    import('../cloudflare/client.js'),
    import('../cloudflare/polite-fetch.js'),
  ]);
  const { apiToken, apiKey, apiEmail } = credentials;
  const signer = new Signer(credentials);
  return createCloudflareClient({
    // The SDK wants one; the signer's header replaces it.
    apiToken: apiToken ?? (apiKey === undefined ? 'not-asked-yet' : undefined),
    apiKey,
    apiEmail,
    baseURL,
    fetch: politeFetch({ send, limits, signer }),
  });
}

function checkBaseUrl(baseURL: string | undefined): void {
  if (baseURL === undefined) return;
  if (URL.canParse(baseURL) && /^https?:$/.test(new URL(baseURL).protocol)) return;
  throw new SidecarError(
    'invalid-option',
    'CLOUDFLARE_API_BASE_URL is not an http or https URL, such as https://api.cloudflare.com/client/v4.',
  );
}
