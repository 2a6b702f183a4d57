import type { Agent } from 'node:http';
import type { Dispatcher } from 'undici';
import { SidecarError } from '../protocol/index.js';

const VARIABLES = ['https_proxy', 'http_proxy', 'all_proxy'];

/** Whether the environment names a proxy at all; nothing else of this file is loaded where it does not. */
export function hasProxy(env: NodeJS.ProcessEnv = process.env): boolean {
  return VARIABLES.some((name) => env[name] || env[name.toUpperCase()]);
}

/** Requests through the proxies that HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY of this process name. */
export class ProxiedFetch {
  readonly #agents = new Map<string, Dispatcher>();

  readonly fetch: typeof fetch = async (input, init) => {
    const proxy = await proxyFor(String(input instanceof Request ? input.url : input));
    if (!proxy) return fetch(input, init);
    // Node's own fetch takes the dispatcher of a newer undici; the types of the two do not know each other.
    const dispatcher: unknown = await this.#agentFor(proxy);
    return fetch(input, { ...init, dispatcher } as RequestInit);
  };

  /** Ends what is under way. Can be called twice. */
  async close(): Promise<void> {
    const agents = [...this.#agents.values()];
    this.#agents.clear();
    await Promise.all(agents.map((agent) => agent.destroy()));
  }

  async #agentFor(proxy: string): Promise<Dispatcher> {
    const { ProxyAgent } = await import('undici');
    const agent = this.#agents.get(proxy) ?? new ProxyAgent(proxy);
    this.#agents.set(proxy, agent);
    return agent;
  }
}

/** The agent that takes a WebSocket through the proxy; undefined where the environment names none for `url`. */
export async function webSocketAgent(url: string): Promise<Agent | undefined> {
  if (!hasProxy()) return undefined;
  const proxy = await proxyFor(url.replace(/^ws/, 'http'));
  if (!proxy) return undefined;
  const { HttpsProxyAgent } = await import('https-proxy-agent');
  return new HttpsProxyAgent(proxy);
}

async function proxyFor(url: string): Promise<string> {
  const { getProxyForUrl } = await import('proxy-from-env');
  const proxy = getProxyForUrl(url);
  if (proxy === '' || /^https?:\/\//.test(proxy)) return proxy;
  throw new SidecarError(
    'invalid-option',
    `A proxy of the kind ${proxy.split(':')[0]} cannot be used: HTTPS_PROXY, HTTP_PROXY and ALL_PROXY take http:// and https:// proxies.`,
  );
}
