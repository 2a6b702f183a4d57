import type { CloudflareClient } from '../../cloudflare/client.js';
import { type AccountInfo, SidecarError } from '../../protocol/index.js';
import type { Account, TailParams, TailSink, TailSource } from '../account.js';
import { LOCAL_ACCOUNT_ID, LOCAL_ACCOUNT_NAME } from './identity.js';
import type { LocalRuntime } from './runtime.js';
import type { SharedApi } from './shared-api.js';

export interface LocalAccountOptions {
  /** The absolute path of the folder that holds the account's state. Made when it is not there. */
  stateDir: string;
  /** Lets Workers reach public addresses. Default false. */
  allowNetwork?: boolean;
  /** A descriptor that every process of the account keeps open as long as it lives. */
  aliveFd?: number;
  log(line: string): void;
  /** Makes the runtime; default workerd. */
  createRuntime?(): Promise<LocalRuntime>;
}

/** Longer than any request of this machine takes: what bounds one is its caller's signal. */
const CLIENT_TIMEOUT_MS = 10 * 60_000;

/** The embedded account: API v4 over a state directory. Opening it touches no file. */
export function openLocalAccount(options: LocalAccountOptions): Account {
  return new LocalAccount(options);
}

class LocalAccount implements Account {
  readonly info: AccountInfo;
  readonly #options: LocalAccountOptions;
  #api: Promise<SharedApi> | undefined;
  #client: Promise<CloudflareClient> | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: LocalAccountOptions) {
    this.#options = options;
    this.info = {
      kind: 'local',
      id: LOCAL_ACCOUNT_ID,
      name: LOCAL_ACCOUNT_NAME,
      stateDir: options.stateDir,
    };
  }

  client(): Promise<CloudflareClient> {
    this.#client ??= import('../../cloudflare/client.js').then(({ createCloudflareClient }) =>
      createCloudflareClient({
        apiToken: 'local',
        baseURL: 'http://local/client/v4',
        fetch: (input, init) => this.#fetch(input, init),
        maxRetries: 0,
        timeoutMs: CLIENT_TIMEOUT_MS,
      }),
    );
    return this.#client;
  }

  async invoke(workerName: string, request: Request): Promise<Response> {
    const { packRequest, unpackResponse } = await import('./invocation.js');
    const api = await this.#shared();
    // A clone each time: an owner that went away before it took the request may have begun to read its body.
    const response = await api.send(() => packRequest(workerName, request.clone()), false);
    if (response.ok) return unpackResponse(response);
    const { answerError } = await import('./answer-error.js');
    throw await answerError(response, `invoke the Worker ${workerName}`);
  }

  async openTail(params: TailParams, sink: TailSink, signal: AbortSignal): Promise<TailSource> {
    const { openLocalTail } = await import('./local-tail.js');
    return openLocalTail(await this.#shared(), params, sink, signal);
  }

  close(): Promise<void> {
    this.#closed ??= (async () => (await this.#api)?.close())();
    return this.#closed;
  }

  async #fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    const url = input instanceof Request ? input.url : String(input);
    // The SDK finds out what fetch can do by fetching a `data:` URL.
    if (url.startsWith('data:')) return fetch(url, init);
    const method = init?.method ?? 'GET';
    const api = await this.#shared();
    return api.send(() => toRequest(input, init), method !== 'POST' && method !== 'PATCH');
  }

  /** What opens the state directory, loaded at the first use: telling which account this is needs none of it. */
  #shared(): Promise<SharedApi> {
    if (this.#closed) return Promise.reject(new SidecarError('not-running', 'The local account is closed.'));
    const { stateDir, log, createRuntime } = this.#options;
    this.#api ??= import('./shared-api.js').then(
      (module) =>
        new module.SharedApi({
          stateDir,
          log,
          createRuntime: createRuntime ?? (() => createWorkerd(this.#options)),
        }),
    );
    return this.#api;
  }
}

function toRequest(input: string | URL | Request, init: RequestInit | undefined): Request {
  const request = new Request(input, init);
  const body = init?.body;
  // A Request of Node's does not tell how long its body is.
  if (body instanceof Blob) request.headers.set('content-length', String(body.size));
  return request;
}

async function createWorkerd({
  stateDir,
  allowNetwork,
  aliveFd,
  log,
}: LocalAccountOptions): Promise<LocalRuntime> {
  const { createWorkerdRuntime } = await import('./workerd/index.js');
  return createWorkerdRuntime({ stateDir, allowNetwork, aliveFd, log });
}
