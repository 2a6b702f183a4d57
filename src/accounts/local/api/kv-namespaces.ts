import { randomBytes } from 'node:crypto';
import type { Namespace as SdkNamespace } from 'cloudflare/resources/kv/namespaces/namespaces';
import { ApiError, jsonObject, ok, paged } from '../envelope.js';
import { type RouteTable, read, write } from '../router.js';
import type { LocalServices } from '../services.js';

const NAMESPACES = '/accounts/:account/storage/kv/namespaces';
const NAMESPACE = `${NAMESPACES}/:namespace`;
const MAX_TITLE_CHARACTERS = 512;

/** KV namespaces. */
export const kvNamespaceRoutes: RouteTable = {
  [`GET ${NAMESPACES}`]: read(({ url }, services) =>
    paged(sorted(services, url).map(describe), url, 20, 1000),
  ),
  [`POST ${NAMESPACES}`]: write(async ({ request }, services) => {
    const { title } = await jsonObject(request);
    return ok(await createNamespace(services, title, randomBytes(16).toString('hex')));
  }),
  // The local account alone: a project made for another account names an id that has to exist here.
  'POST /local/kv-namespaces': write(async ({ request }, services) => {
    const { title, id } = await jsonObject(request);
    if (typeof id !== 'string' || !/^[0-9a-f]{32}$/.test(id))
      throw new ApiError(400, 10011, 'invalid namespace id');
    return ok(await createNamespace(services, title, id));
  }),
  [`GET ${NAMESPACE}`]: read(({ params }, services) => ok(describe(namespaceOf(services, params.namespace)))),
  [`PUT ${NAMESPACE}`]: write(async ({ params, request }, services) => {
    const { title } = await jsonObject(request);
    return ok(await renameNamespace(services, params.namespace ?? '', title));
  }),
  [`DELETE ${NAMESPACE}`]: write(async ({ params }, services) => {
    await removeNamespace(services, params.namespace ?? '');
    return ok(null);
  }),
};

interface Namespace {
  id: string;
  title: string;
}

/** @throws ApiError 404 as Cloudflare answers it. */
export function namespaceOf(services: LocalServices, id: string | undefined): Namespace {
  const found = services.state.kv.namespaces.find((namespace) => namespace.id === id);
  if (found) return found;
  throw new ApiError(404, 10013, `namespace not found: ${id}`);
}

function describe({ id, title }: Namespace): SdkNamespace {
  return { id, title, supports_url_encoding: true };
}

function sorted(services: LocalServices, url: URL): Namespace[] {
  const order = url.searchParams.get('order') === 'title' ? 'title' : 'id';
  const sign = url.searchParams.get('direction') === 'desc' ? -1 : 1;
  return [...services.state.kv.namespaces].sort((a, b) => (a[order] < b[order] ? -sign : sign));
}

function checkTitle(title: unknown, taken: readonly Namespace[]): string {
  if (typeof title !== 'string' || title === '' || title.length > MAX_TITLE_CHARACTERS) {
    throw new ApiError(400, 10001, `A namespace's title has 1 to ${MAX_TITLE_CHARACTERS} characters`);
  }
  if (taken.some((namespace) => namespace.title === title)) {
    throw new ApiError(400, 10014, `a namespace with this account ID and title already exists: ${title}`);
  }
  return title;
}

function createNamespace(services: LocalServices, wanted: unknown, id: string) {
  return services.change((draft) => {
    const title = checkTitle(wanted, draft.kv.namespaces);
    if (draft.kv.namespaces.some((namespace) => namespace.id === id)) {
      throw new ApiError(400, 10014, `a namespace with this id already exists: ${id}`);
    }
    draft.kv.namespaces.push({ id, title, createdOn: new Date().toISOString() });
    return describe({ id, title });
  });
}

function renameNamespace(services: LocalServices, id: string, wanted: unknown) {
  return services.change((draft) => {
    namespaceOf(services, id);
    const others = draft.kv.namespaces.filter((namespace) => namespace.id !== id);
    const title = checkTitle(wanted, others);
    for (const namespace of draft.kv.namespaces) if (namespace.id === id) namespace.title = title;
    return describe({ id, title });
  });
}

/** First its keys, then its entry: one that is cut off in between leaves a namespace that can be deleted again. */
function removeNamespace(services: LocalServices, id: string): Promise<void> {
  return services.change(async (draft) => {
    namespaceOf(services, id);
    await (await services.storage()).kv.clear(id);
    draft.kv.namespaces = draft.kv.namespaces.filter((namespace) => namespace.id !== id);
  });
}
