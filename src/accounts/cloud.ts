import type { Api, CloudflareClient } from '../cloudflare/client.js';
import { type AccountInfo, SidecarError } from '../protocol/index.js';
import type { Account, TailParams, TailSink, TailSource } from './account.js';
import type { Credentials } from './credentials.js';

export interface CloudAccountOptions {
  credentials: Credentials;
  /** Looked up when it is left out; the credentials must then reach one account only. */
  accountId?: string;
  /** Where API v4 is; default Cloudflare's own. */
  baseURL?: string;
  log(line: string): void;
}

const LOOK_UP_TIMEOUT_MS = 8_000;

/** Cloudflare's own account. @throws SidecarError `credentials-missing` when it is not clear which one. */
export async function openCloudAccount(options: CloudAccountOptions): Promise<Account> {
  const account = options.accountId
    ? { id: options.accountId, name: options.accountId }
    : await onlyAccount(await makeClient(options));
  return new CloudAccount(options, { kind: 'cloud', ...account, credentials: options.credentials.source });
}

async function makeClient({ credentials, baseURL }: CloudAccountOptions): Promise<CloudflareClient> {
  const { createCloudflareClient } = await import('../cloudflare/client.js');
  const { apiToken, apiKey, apiEmail } = credentials;
  return createCloudflareClient({ apiToken, apiKey, apiEmail, baseURL });
}

async function onlyAccount(client: CloudflareClient): Promise<{ id: string; name: string }> {
  const { listAccounts } = await import('../cloudflare/accounts.js');
  const accounts = await listAccounts(client, AbortSignal.timeout(LOOK_UP_TIMEOUT_MS));
  const [only] = accounts;
  if (accounts.length === 1 && only) return only;
  const choices = accounts.map(({ id, name }) => `${name} (${id})`).join(', ');
  const found = accounts.length === 0 ? 'reach no account' : `reach ${accounts.length} accounts: ${choices}`;
  throw new SidecarError(
    'credentials-missing',
    `The credentials ${found}. Say which one with CLOUDFLARE_ACCOUNT_ID.`,
    { data: { accounts } },
  );
}

class CloudAccount implements Account {
  readonly info: AccountInfo;
  readonly #options: CloudAccountOptions;
  readonly #closing = new AbortController();
  readonly #tails = new Set<TailSource>();
  #client: Promise<CloudflareClient> | undefined;
  #subdomain: Promise<string> | undefined;
  /** Workers known to be reachable on workers.dev. */
  readonly #reachable = new Set<string>();

  constructor(options: CloudAccountOptions, info: AccountInfo) {
    this.#options = options;
    this.info = info;
  }

  client(): Promise<CloudflareClient> {
    this.#client ??= makeClient(this.#options);
    return this.#client;
  }

  async invoke(workerName: string, request: Request): Promise<Response> {
    const signal = AbortSignal.any([request.signal, this.#closing.signal]);
    const origin = await this.#origin(workerName, signal);
    const { pathname, search } = new URL(request.url);
    try {
      const response = await fetch(new URL(pathname + search, origin), {
        method: request.method,
        headers: request.headers,
        redirect: 'manual',
        signal,
        ...(request.body && { body: request.body, duplex: 'half' }),
      });
      return decoded(response);
    } catch (cause) {
      if (signal.aborted)
        throw new SidecarError('cancelled', `Cancelled: invoke the Worker ${workerName}.`, { cause });
      throw new SidecarError('network-error', `The Worker ${workerName} could not be reached at ${origin}.`, {
        cause,
      });
    }
  }

  async openTail(params: TailParams, sink: TailSink, signal: AbortSignal): Promise<TailSource> {
    const { openCloudTail } = await import('./cloud-tail.js');
    const either = AbortSignal.any([signal, this.#closing.signal]);
    const tail = await openCloudTail(await this.#api(), params, sink, either);
    this.#tails.add(tail);
    return {
      close: async () => {
        this.#tails.delete(tail);
        await tail.close();
      },
    };
  }

  async close(): Promise<void> {
    const tails = [...this.#tails];
    this.#tails.clear();
    await Promise.all(tails.map((tail) => tail.close()));
    this.#closing.abort();
  }

  async #api(): Promise<Api> {
    return { client: await this.client(), accountId: this.info.id };
  }

  async #origin(workerName: string, signal: AbortSignal): Promise<string> {
    const { accountSubdomain, isOnSubdomain } = await import('../cloudflare/workers.js');
    const api = await this.#api();
    if (!this.#reachable.has(workerName)) {
      if (!(await isOnSubdomain(api, workerName, signal)))
        throw notReachable(workerName, 'it is not on workers.dev');
      this.#reachable.add(workerName);
    }
    this.#subdomain ??= accountSubdomain(api, this.#closing.signal).then(
      (subdomain) => {
        if (subdomain) return subdomain;
        this.#subdomain = undefined; // It may be chosen meanwhile.
        throw notReachable(workerName, 'the account has no workers.dev subdomain');
      },
      (error: unknown) => {
        this.#subdomain = undefined;
        throw error;
      },
    );
    return `https://${workerName}.${await this.#subdomain}.workers.dev`;
  }
}

function notReachable(workerName: string, why: string): SidecarError {
  return new SidecarError(
    'unsupported',
    `The Worker ${workerName} cannot be invoked: ${why}. Switch workers.dev on in its settings.`,
  );
}

/** fetch() has undone a content encoding, so that its header and the length would lie. */
function decoded(response: Response): Response {
  if (!response.headers.has('content-encoding')) return response;
  const headers = new Headers(response.headers);
  headers.delete('content-encoding');
  headers.delete('content-length');
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
