import type { Api, CloudflareClient } from '../cloudflare/client.js';
import type { PoliteLimits } from '../cloudflare/polite-fetch.js';
import { judgeAfter, timeoutSignal } from '../lib/time.js';
import { type AccountInfo, SidecarError } from '../protocol/index.js';
import type { Account, TailParams, TailSink, TailSource } from './account.js';
import { createCloudClient } from './cloud-client.js';
import type { TailTiming } from './cloud-tail.js';
import { type Credentials, hasEnded } from './credentials.js';
import { hasProxy, type ProxiedFetch } from './proxy.js';

export interface CloudAccountOptions {
  credentials: Credentials;
  /** Looked up when it is left out; the credentials must then reach one account only. */
  accountId?: string;
  /** Where API v4 is; default Cloudflare's own. */
  baseURL?: string;
  log(line: string): void;
  /** Shorter waits, for tests. */
  limits?: Partial<PoliteLimits>;
  tailTiming?: Partial<TailTiming>;
}

const LOOK_UP_TIMEOUT_MS = 8_000;

/** A Worker may take long; past this it is not waited for. */
const INVOKE_TIMEOUT_MS = 120_000;

/** Cloudflare's own account. @throws SidecarError `credentials-missing` when it is not clear which one. */
export async function openCloudAccount(options: CloudAccountOptions): Promise<Account> {
  const proxied = hasProxy() ? new (await import('./proxy.js')).ProxiedFetch() : undefined;
  const client = await createCloudClient({ ...options, send: proxied?.fetch });
  const { credentials, accountId } = options;
  try {
    const account = accountId
      ? { id: accountId, name: nameOf(accountId, credentials) }
      : hasEnded(credentials)
        ? UNKNOWN
        : await onlyAccount(client);
    const info: AccountInfo = { kind: 'cloud', ...account, credentials: credentials.source };
    return new CloudAccount(options, info, client, proxied);
  } catch (error) {
    await proxied?.close();
    throw error;
  }
}

/** Whose credentials have to be asked for first. */
const UNKNOWN = { id: '', name: 'not asked for yet' };

/** Cloudflare is not asked for a name alone. */
function nameOf(id: string, { accountId, accountName }: Credentials): string {
  return (id === accountId && accountName) || id;
}

async function onlyAccount(client: CloudflareClient): Promise<{ id: string; name: string }> {
  const { listAccounts } = await import('../cloudflare/accounts.js');
  const accounts = await listAccounts(client, lookUpSignal());
  const [only] = accounts;
  if (accounts.length === 1 && only) return only;
  const choices = accounts.map(({ id, name }) => `${name} (${id})`).join(', ');
  const found = accounts.length === 0 ? 'reach no account' : `reach ${accounts.length} accounts: ${choices}`;
  throw new SidecarError(
    'credentials-missing',
    `The credentials ${found}. Say which one with CLOUDFLARE_ACCOUNT_ID, or with the account's id as the account.`,
    { data: { accounts } },
  );
}

/** A start must not wait for longer, and what it waited for is not a cancelled call. */
function lookUpSignal(): AbortSignal {
  const controller = new AbortController();
  const reason = new SidecarError(
    'network-error',
    `Cloudflare did not say within ${LOOK_UP_TIMEOUT_MS / 1000} s which account the credentials belong to. CLOUDFLARE_ACCOUNT_ID makes the question unnecessary.`,
  );
  judgeAfter(LOOK_UP_TIMEOUT_MS, () => controller.abort(reason)).unref();
  return controller.signal;
}

class CloudAccount implements Account {
  readonly info: AccountInfo;
  checkFolder?: Account['checkFolder'];
  readonly #options: CloudAccountOptions;
  readonly #closing = new AbortController();
  readonly #tails = new Set<TailSource>();
  readonly #client: CloudflareClient;
  readonly #proxied: ProxiedFetch | undefined;
  #subdomain: Promise<string> | undefined;
  #identifying: Promise<void> | undefined;
  /** Workers known to be reachable on workers.dev. */
  readonly #reachable = new Set<string>();

  constructor(
    options: CloudAccountOptions,
    info: AccountInfo,
    client: CloudflareClient,
    proxied: ProxiedFetch | undefined,
  ) {
    this.#options = options;
    this.info = info;
    this.#client = client;
    this.#proxied = proxied;
  }

  async client(): Promise<CloudflareClient> {
    if (this.info.id === '') await this.#identify();
    return this.#client;
  }

  /** Calls that come at the same time share one look-up; one that failed is made anew. */
  #identify(): Promise<void> {
    this.#identifying ??= (async () => {
      // wrangler may take longer than Cloudflare, and keeps what it says.
      await this.#options.credentials.renew?.();
      Object.assign(this.info, await onlyAccount(this.#client));
    })().finally(() => {
      this.#identifying = undefined;
    });
    return this.#identifying;
  }

  async invoke(workerName: string, request: Request): Promise<Response> {
    const cancelled = AbortSignal.any([request.signal, this.#closing.signal]);
    const origin = await this.#origin(workerName, cancelled);
    const { pathname, search } = new URL(request.url);
    const signal = AbortSignal.any([cancelled, timeoutSignal(INVOKE_TIMEOUT_MS)]);
    const send = this.#proxied?.fetch ?? fetch;
    try {
      const response = await send(new URL(pathname + search, origin), {
        method: request.method,
        headers: request.headers,
        redirect: 'manual',
        signal,
        ...(request.body && { body: request.body, duplex: 'half' }),
      });
      return decoded(response);
    } catch (cause) {
      if (cancelled.aborted)
        throw new SidecarError('cancelled', `Cancelled: invoke the Worker ${workerName}.`, { cause });
      throw new SidecarError('network-error', `The Worker ${workerName} could not be reached at ${origin}.`, {
        cause,
      });
    }
  }

  async openTail(params: TailParams, sink: TailSink, signal: AbortSignal): Promise<TailSource> {
    const { openCloudTail } = await import('./cloud-tail.js');
    const either = AbortSignal.any([signal, this.#closing.signal]);
    const tail = await openCloudTail(await this.#api(), params, sink, either, {
      log: this.#options.log,
      timing: this.#options.tailTiming,
    });
    this.#tails.add(tail);
    return {
      close: async () => {
        this.#tails.delete(tail);
        await tail.close();
      },
    };
  }

  async close(): Promise<void> {
    this.#options.credentials.close?.();
    const tails = [...this.#tails];
    this.#tails.clear();
    await Promise.all(tails.map((tail) => tail.close()));
    this.#closing.abort();
    await this.#proxied?.close();
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
