import type { CloudflareClient } from '../cloudflare/client.js';
import type { PoliteLimits } from '../cloudflare/polite-fetch.js';
import { SidecarError } from '../protocol/index.js';
import { type Credentials, expired, hasEnded } from './credentials.js';

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
  return createCloudflareClient({
    apiToken,
    apiKey,
    apiEmail,
    baseURL,
    fetch: politeFetch({ send, limits, authorize: renewing(credentials) }),
  });
}

/** The header of a token that ends is made for each request: once it has ended, what it is now is looked up. */
function renewing(credentials: Credentials): () => Promise<Record<string, string>> {
  let current = credentials;
  return async (): Promise<Record<string, string>> => {
    if (current.expiresAt === undefined) return {};
    if (hasEnded(current) && current.renew) current = await current.renew();
    if (hasEnded(current)) throw expired(current);
    checkHeaderValues(current);
    return { authorization: `Bearer ${current.apiToken}` };
  };
}

/** What cannot stand in a header would come back in the text of the error that says so. */
function checkHeaderValues({ apiToken, apiKey, apiEmail, source }: Credentials): void {
  for (const value of [apiToken, apiKey, apiEmail]) {
    if (value === undefined || /^[\x21-\x7e]+$/.test(value)) continue;
    throw new SidecarError(
      'credentials-invalid',
      `The credentials of ${source} have a character that no token, key or e-mail address has, such as a space or a line break.`,
    );
  }
}

function checkBaseUrl(baseURL: string | undefined): void {
  if (baseURL === undefined) return;
  if (URL.canParse(baseURL) && /^https?:$/.test(new URL(baseURL).protocol)) return;
  throw new SidecarError(
    'invalid-option',
    'CLOUDFLARE_API_BASE_URL is not an http or https URL, such as https://api.cloudflare.com/client/v4.',
  );
}
