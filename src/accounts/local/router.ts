import { ApiError, failed } from './envelope.js';

/** Says that the owner is about to close: the request was not carried out. */
export const CLOSING_HEADER = 'x-fluorite-closing';

/** One request on its way through the local API. */
export interface Call {
  readonly request: Request;
  readonly url: URL;
  /** The named parts of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
}

export type RouteHandler = (call: Call) => Promise<Response> | Response;

/** `'GET /accounts/:account/r2/buckets/:bucket'`; a last part `:key*` takes the rest of the path. */
export type RouteTable = Readonly<Record<string, RouteHandler>>;

interface Route {
  method: string;
  pattern: RegExp;
  names: string[];
  handler: RouteHandler;
}

const BASE_PATH = '/client/v4';

/** Answers API v4 requests from a table of routes, failures in Cloudflare's envelope. */
export function createRouter(
  table: RouteTable,
  log: (line: string) => void,
): (request: Request) => Promise<Response> {
  const routes = Object.entries(table).map(([key, handler]) => compile(key, handler));
  return async (request) => {
    const url = new URL(request.url);
    const path = url.pathname.startsWith(`${BASE_PATH}/`)
      ? url.pathname.slice(BASE_PATH.length)
      : url.pathname;
    try {
      for (const route of routes) {
        const match = route.method === request.method ? route.pattern.exec(path) : null;
        if (match) return await route.handler({ request, url, params: namedParts(route, match) });
      }
      throw new ApiError(
        404,
        7000,
        `No route for that URI: the local account does not offer ${request.method} ${path}. Use the cloud account for it`,
      );
    } catch (error) {
      if (!(error instanceof ApiError)) log(`local account: ${request.method} ${path}: ${error}`);
      return failed(error);
    }
  };
}

function compile(key: string, handler: RouteHandler): Route {
  const [method = '', path = ''] = key.split(' ');
  const names: string[] = [];
  const source = path.replace(/:(\w+)(\*?)/g, (_, name: string, rest: string) => {
    names.push(name);
    return rest ? '(.+)' : '([^/]+)';
  });
  return { method, pattern: new RegExp(`^${source}$`), names, handler };
}

function namedParts(route: Route, match: RegExpExecArray): Record<string, string> {
  try {
    return Object.fromEntries(
      route.names.map((name, index) => [name, decodeURIComponent(match[index + 1] ?? '')]),
    );
  } catch {
    throw new ApiError(400, 7003, 'The path is not valid percent-encoded UTF-8');
  }
}
