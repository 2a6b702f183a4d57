import type { CloudflareClient } from '../../cloudflare/client.js';
import type { AccountInfo } from '../../protocol/index.js';
import type { Account, TailParams, TailSink, TailSource } from '../account.js';
import { LOCAL_ACCOUNT_ID, LOCAL_ACCOUNT_NAME } from './api/account.js';
import { packRequest, unpackResponse } from './invocation.js';
import { openLocalTail } from './local-tail.js';
import type { LocalRuntime } from './runtime.js';
import { SharedApi } from './shared-api.js';

export interface LocalAccountOptions {
  /** The absolute path of the folder that holds the account's state. Made when it is not there. */
  stateDir: string;
  log(line: string): void;
  /** Makes the runtime; default workerd. */
  createRuntime?(): Promise<LocalRuntime>;
}

/** The embedded account: API v4 over a state directory. Opening it touches no file. */
export function openLocalAccount(options: LocalAccountOptions): Account {
  return new LocalAccount(options);
}

class LocalAccount implements Account {
  readonly info: AccountInfo;
  readonly #api: SharedApi;
  #client: Promise<CloudflareClient> | undefined;

  constructor({ stateDir, log, createRuntime }: LocalAccountOptions) {
    this.info = { kind: 'local', id: LOCAL_ACCOUNT_ID, name: LOCAL_ACCOUNT_NAME, stateDir };
    this.#api = new SharedApi({
      stateDir,
      log,
      createRuntime: createRuntime ?? (() => createWorkerd(stateDir, log)),
    });
  }

  client(): Promise<CloudflareClient> {
    this.#client ??= import('../../cloudflare/client.js').then(({ createCloudflareClient }) =>
      createCloudflareClient({
        apiToken: 'local',
        baseURL: 'http://local/client/v4',
        fetch: (input, init) => this.#fetch(input, init),
        maxRetries: 0,
        timeoutMs: 10 * 60_000,
      }),
    );
    return this.#client;
  }

  async invoke(workerName: string, request: Request): Promise<Response> {
    // A clone each time: an owner that went away before it took the request may have begun to read its body.
    const response = await this.#api.send(() => packRequest(workerName, request.clone()), false);
    if (response.ok) return unpackResponse(response);
    const { answerError } = await import('./answer-error.js');
    throw await answerError(response, `invoke the Worker ${workerName}`);
  }

  openTail(params: TailParams, sink: TailSink, signal: AbortSignal): Promise<TailSource> {
    return openLocalTail(this.#api, params, sink, signal);
  }

  close(): Promise<void> {
    return this.#api.close();
  }

  #fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    const url = input instanceof Request ? input.url : String(input);
    // The SDK finds out what fetch can do by fetching a `data:` URL.
    if (url.startsWith('data:')) return fetch(url, init);
    const method = init?.method ?? 'GET';
    return this.#api.send(() => toRequest(input, init), method !== 'POST' && method !== 'PATCH');
  }
}

function toRequest(input: string | URL | Request, init: RequestInit | undefined): Request {
  const request = new Request(input, init);
  const body = init?.body;
  // A Request of Node's does not tell how long its body is.
  if (body instanceof Blob) request.headers.set('content-length', String(body.size));
  return request;
}

async function createWorkerd(stateDir: string, log: (line: string) => void): Promise<LocalRuntime> {
  const { createWorkerdRuntime } = await import('./workerd/index.js');
  return createWorkerdRuntime({ stateDir, log });
}
