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
  /** The SDK's own retries, of everything after any wait; default 0, because `politeFetch` knows what is safe to repeat. */
  maxRetries?: number;
  /** How long one call may take until its headers arrive, all attempts together; default 15 minutes: `politeFetch` bounds each attempt. */
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
    fetch: options.fetch ?? fetch,
    maxRetries: options.maxRetries ?? 0,
    timeout: options.timeoutMs ?? 15 * 60_000,
    logLevel: 'off',
  });
}
