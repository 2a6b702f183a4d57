import type { TailCreateResponse, TailGetResponse } from 'cloudflare/resources/workers/scripts/tail';
import { SidecarError } from '../../protocol/index.js';
import { localRouter } from './api/index.js';
import { ApiError, jsonObject, ok } from './envelope.js';
import { LOCAL_ACCOUNT_ID } from './identity.js';
import {
  BASE_PATH,
  type Effect,
  noRoute,
  type RouteHandler,
  Router,
  type RouteTable,
  read,
} from './router.js';
import type { SharedApi } from './shared-api.js';
import type { TailSessions } from './tail-sessions.js';

/** What the routes of one API server work on. */
export interface Served {
  readonly api: SharedApi;
  readonly tails: TailSessions;
  /** Refuses every route that may change something. */
  readonly readOnly: boolean;
}

/** Bodies up to this are kept until the answer: they can be sent again when the owner of the state goes away. */
const REPEATABLE_BYTES = 1024 * 1024;

/**
 * Answers a request of API v4.
 * @throws ApiError when there is no such route, or the rights of this API are not enough for it; SidecarError of the account.
 */
export async function answerServed(served: Served, request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (!pathname.startsWith(`${BASE_PATH}/`) || pathname.startsWith(`${BASE_PATH}/local/`)) {
    throw new ApiError(404, 7000, `No route for that URI: API v4 is below ${BASE_PATH}, not ${pathname}`);
  }
  const tail = tailRouter.find(request);
  if (served.readOnly) checkReadOnly(request, tail ?? localRouter.find(request));
  return tail ? tail.answer(request, served) : forward(served.api, request);
}

/**
 * What has no route here is not handed on: the owner of the state directory may be a newer version, which has one.
 * @throws ApiError
 */
function checkReadOnly(request: Request, found: { effect: Effect } | undefined): void {
  if (!found) throw noRoute(request);
  if (found.effect !== 'read') {
    throw new ApiError(403, 10000, 'This API is served with --read-only: nothing is changed');
  }
}

const SCRIPT_TAILS = '/accounts/:account/workers/scripts/:script/tails';

/** The tails of API v4, which live with this server: none of them changes the account. */
export const tailRoutes: RouteTable<Served> = {
  [`GET ${SCRIPT_TAILS}`]: read(
    ofWorker((script, { tails }) => tails.newest(script) satisfies TailGetResponse),
  ),
  [`POST ${SCRIPT_TAILS}`]: read(
    ofWorker(
      async (script, { tails }, request) =>
        tails.create(script, await filtersOf(request)) satisfies TailCreateResponse,
    ),
  ),
  [`DELETE ${SCRIPT_TAILS}/:tail`]: read(({ params }, { tails }) => {
    tails.delete(params.script ?? '', params.tail ?? '');
    return ok(null);
  }),
};

const tailRouter = new Router(tailRoutes);

/** A route of one Worker. Whether there is such a Worker is the account's to say. */
function ofWorker(
  handler: (script: string, served: Served, request: Request) => unknown,
): RouteHandler<Served> {
  return async ({ params, request }, served) => {
    const script = params.script ?? '';
    const path = `${BASE_PATH}/accounts/${LOCAL_ACCOUNT_ID}/workers/scripts/${encodeURIComponent(script)}/settings`;
    const settings = await served.api.send(() => new Request(`http://local${path}`), true);
    if (!settings.ok) return settings;
    await settings.body?.cancel();
    return ok(await handler(script, served, request));
  };
}

/** The SDK sends no body at all. */
async function filtersOf(request: Request): Promise<unknown> {
  const text = await request.text();
  if (text === '') return undefined;
  return (await jsonObject(new Request(request.url, { method: 'POST', body: text }))).filters;
}

/** Hands a request on to the account, in this process or in the one that owns the state directory. */
async function forward(api: SharedApi, request: Request): Promise<Response> {
  const { method, url, signal } = request;
  const headers = new Headers(request.headers);
  // The token has done its work; the rest belongs to this connection.
  for (const name of ['authorization', 'connection', 'expect']) headers.delete(name);
  const declared = Number(headers.get('content-length') ?? Number.POSITIVE_INFINITY);
  const isSmall = request.body === null || declared <= REPEATABLE_BYTES;
  const body = isSmall && request.body ? await request.arrayBuffer() : request.body;
  let isSent = false;
  const make = () => {
    if (!isSmall && isSent) throw gone(method);
    isSent = true;
    return new Request(url, { method, headers, signal, ...(body && { body, duplex: 'half' }) });
  };
  return api.send(make, isSmall && method !== 'POST' && method !== 'PATCH');
}

function gone(method: string): SidecarError {
  return new SidecarError(
    'indeterminate',
    `The process that owned the state directory ended during this ${method}; it may or may not have been carried out. Look, then try again.`,
  );
}
