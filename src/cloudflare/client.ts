import { BaseAccounts } from 'cloudflare/resources/accounts/accounts';
import { BaseNamespaces as BaseDurableObjectNamespaces } from 'cloudflare/resources/durable-objects/namespaces/namespaces';
import { BaseKeys } from 'cloudflare/resources/kv/namespaces/keys';
import { BaseMetadata } from 'cloudflare/resources/kv/namespaces/metadata';
import { BaseNamespaces } from 'cloudflare/resources/kv/namespaces/namespaces';
import { BaseValues } from 'cloudflare/resources/kv/namespaces/values';
import { BaseBuckets } from 'cloudflare/resources/r2/buckets/buckets';
import { BaseObjects } from 'cloudflare/resources/r2/buckets/objects';
import { BaseDeployments } from 'cloudflare/resources/workers/scripts/deployments';
import { BaseScripts } from 'cloudflare/resources/workers/scripts/scripts';
import { BaseSubdomain } from 'cloudflare/resources/workers/scripts/subdomain';
import { BaseTail } from 'cloudflare/resources/workers/scripts/tail';
import { BaseSubdomains } from 'cloudflare/resources/workers/subdomains';
import { createClient } from 'cloudflare/tree-shakable';

/**
 * The parts of the official SDK that are used, parents before children. The whole SDK is 17,000 files and costs
 * half a second to import; these few bundle to about 100 KB.
 */
const resources = [
  BaseAccounts,
  BaseScripts,
  BaseDeployments,
  BaseSubdomain,
  BaseTail,
  BaseSubdomains,
  BaseBuckets,
  BaseObjects,
  BaseNamespaces,
  BaseKeys,
  BaseMetadata,
  BaseValues,
  BaseDurableObjectNamespaces,
] as const;

export interface ClientOptions {
  /** Where API v4 is; default Cloudflare's own. */
  baseURL?: string;
  apiToken?: string;
  apiKey?: string;
  apiEmail?: string;
  /** Answers the requests; default Node's fetch. */
  fetch?: typeof fetch;
  /** How often a request that failed for a passing reason is repeated; default 2. */
  maxRetries?: number;
  /** How long one request may take until its headers arrive; default 60,000. */
  timeoutMs?: number;
}

/** The official SDK's client, with the resources of this product. */
export type CloudflareClient = ReturnType<typeof createCloudflareClient>;

/** What every call of this folder needs: a client, and the account it works on. */
export interface Api {
  readonly client: CloudflareClient;
  readonly accountId: string;
}

/** Makes the SDK's client. Its own environment look-ups are off: credentials come from the options alone. */
export function createCloudflareClient(options: ClientOptions) {
  return createClient({
    resources,
    apiToken: options.apiToken ?? null,
    apiKey: options.apiKey ?? null,
    apiEmail: options.apiEmail ?? null,
    userServiceKey: null,
    baseURL: options.baseURL ?? null,
    fetch: withBoundedRetries(options.fetch ?? fetch),
    maxRetries: options.maxRetries ?? 2,
    timeout: options.timeoutMs ?? 60_000,
    logLevel: 'off',
  });
}

/** A wait that Cloudflare asks for is kept to within a call up to this; a longer one is the caller's to decide. */
const MAX_RETRY_WAIT_SECONDS = 10;

/**
 * The SDK repeats a request after any wait that Retry-After names, an hour too, and on every 409, which no repetition
 * heals. Such answers are marked as final, with the header that the SDK obeys.
 */
function withBoundedRetries(send: typeof fetch): typeof fetch {
  return async (input, init) => {
    const response = await send(input, init);
    const waitSeconds = Number(response.headers.get('retry-after') ?? 0);
    const isFinal = response.status === 409 || !(waitSeconds <= MAX_RETRY_WAIT_SECONDS);
    if (response.ok || !isFinal) return response;
    const headers = new Headers(response.headers);
    headers.set('x-should-retry', 'false');
    return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
  };
}
