import { ApiError, ok, paged } from '../envelope.js';
import { LOCAL_ACCOUNT_ID, LOCAL_ACCOUNT_NAME, LOCAL_USER_EMAIL } from '../identity.js';
import { type RouteTable, read } from '../router.js';
import type { LocalServices } from '../services.js';

/** Who is asking, and which account there is. */
export const accountRoutes: RouteTable = {
  'GET /accounts': read(({ url }, services) => paged([describe(services)], url, 20, 50)),
  'GET /accounts/:account': read(({ params }, services) => {
    if (params.account === LOCAL_ACCOUNT_ID) return ok(describe(services));
    throw new ApiError(
      404,
      7003,
      `There is no account ${params.account} here; the local one is ${LOCAL_ACCOUNT_ID}`,
    );
  }),
  'GET /memberships': read(({ url }, services) =>
    paged(
      [{ id: LOCAL_ACCOUNT_ID, status: 'accepted', roles: ['Administrator'], account: describe(services) }],
      url,
      20,
      50,
    ),
  ),
  'GET /user': read(() => ok({ id: LOCAL_ACCOUNT_ID, email: LOCAL_USER_EMAIL, has_pro_zones: false })),
  'GET /user/tokens/verify': read(() => ok({ id: LOCAL_ACCOUNT_ID, status: 'active' })),
  // Durable Objects are not offered to local Workers, so that there are none.
  'GET /accounts/:account/workers/durable_objects/namespaces': read(({ url }) => paged([], url, 20, 1000)),
};

function describe(services: LocalServices) {
  return {
    id: LOCAL_ACCOUNT_ID,
    name: LOCAL_ACCOUNT_NAME,
    type: 'standard',
    settings: { enforce_twofactor: false },
    created_on: services.state.createdOn,
  };
}
