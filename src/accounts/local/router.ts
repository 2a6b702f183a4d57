import { ApiError, failed } from './envelope.js';
import type { LocalServices } from './services.js';

/** Where API v4 begins in a URL's path. */
export const BASE_PATH = '/client/v4';

/** One request on its way through the local API. */
export interface Call {
  readonly request: Request;
  readonly url: URL;
  /** The named parts of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
}

/** One call together with what it works on. `Context` is the account's services, or the tails of one API server. */
export type RouteHandler<Context = LocalServices> = (
  call: Call,
  context: Context,
) => Promise<Response> | Response;

/** Whether a route may change anything: the state, stored values, or what runs. */
export type Effect = 'read' | 'write';

/** What a route does, and the right that it needs. */
export interface Route<Context = LocalServices> {
  readonly effect: Effect;
  readonly handle: RouteHandler<Context>;
}

export type HttpMethod = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';

/** `'GET /accounts/:account/r2/buckets/:bucket'`; a last part `:key*` takes the rest of the path. */
export type RouteTable<Context = LocalServices> = Readonly<
  Record<`${HttpMethod} /${string}`, Route<Context>>
>;

/** A route that changes nothing, and is served with read-only rights. */
export function read<Context = LocalServices>(handle: RouteHandler<Context>): Route<Context> {
  return { effect: 'read', handle };
}

/** A route that may change something. */
export function write<Context = LocalServices>(handle: RouteHandler<Context>): Route<Context> {
  return { effect: 'write', handle };
}

/** The route of one request, with the parts of its path. */
export interface FoundRoute<Context = LocalServices> {
  readonly effect: Effect;
  answer(request: Request, context: Context): Promise<Response>;
}

/** Finds the route of a request by its method and path. */
export class Router<Context = LocalServices> {
  readonly #routes: readonly CompiledRoute<Context>[];

  constructor(table: RouteTable<Context>) {
    this.#routes = Object.entries(table).map(([key, route]) => compile(key, route));
  }

  /** @returns undefined when the table has no route for it. */
  find(request: Request): FoundRoute<Context> | undefined {
    const url = new URL(request.url);
    const path = pathOf(url);
    for (const { method, pattern, names, route } of this.#routes) {
      const match = method === request.method ? pattern.exec(path) : null;
      if (!match) continue;
      return {
        effect: route.effect,
        answer: async (sent, context) =>
          route.handle({ request: sent, url, params: namedParts(names, match) }, context),
      };
    }
    return undefined;
  }

  /** Answers a request in Cloudflare's envelope, failures too. */
  async answer(request: Request, context: Context, log: (line: string) => void): Promise<Response> {
    try {
      const route = this.find(request);
      if (!route) throw noRoute(request);
      return await route.answer(request, context);
    } catch (error) {
      if (!(error instanceof ApiError))
        log(`local account: ${request.method} ${pathOf(new URL(request.url))}: ${error}`);
      return failed(error);
    }
  }
}

/** What a request without a route is answered. */
export function noRoute(request: Request): ApiError {
  const path = pathOf(new URL(request.url));
  return new ApiError(
    404,
    7000,
    `No route for that URI: the local account does not offer ${request.method} ${path}. Use the cloud account for it`,
  );
}

function pathOf({ pathname }: URL): string {
  return pathname.startsWith(`${BASE_PATH}/`) ? pathname.slice(BASE_PATH.length) : pathname;
}

interface CompiledRoute<Context> {
  method: string;
  pattern: RegExp;
  names: string[];
  route: Route<Context>;
}

function compile<Context>(key: string, route: Route<Context>): CompiledRoute<Context> {
  const [method = '', path = ''] = key.split(' ');
  const names: string[] = [];
  const source = path.replace(/:(\w+)(\*?)/g, (_, name: string, rest: string) => {
    names.push(name);
    return rest ? '(.+)' : '([^/]+)';
  });
  return { method, pattern: new RegExp(`^${source}$`), names, route };
}

function namedParts(names: readonly string[], match: RegExpExecArray): Record<string, string> {
  try {
    return Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(match[index + 1] ?? '')]));
  } catch {
    throw new ApiError(400, 7003, 'The path is not valid percent-encoded UTF-8');
  }
}
