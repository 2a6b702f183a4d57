import { ApiError, ok, paged } from '../envelope.js';
import { LOCAL_ACCOUNT_ID, LOCAL_ACCOUNT_NAME, LOCAL_USER_EMAIL } from '../identity.js';
import type { RouteTable } from '../router.js';
import type { LocalServices } from '../services.js';

/** Who is asking, and which account there is. */
export function accountRoutes(services: LocalServices): RouteTable {
  const account = () => ({
    id: LOCAL_ACCOUNT_ID,
    name: LOCAL_ACCOUNT_NAME,
    type: 'standard',
    settings: { enforce_twofactor: false },
    created_on: services.state.createdOn,
  });
  return {
    'GET /accounts': ({ url }) => paged([account()], url, 20, 50),
    'GET /accounts/:account': ({ params }) => {
      if (params.account === LOCAL_ACCOUNT_ID) return ok(account());
      throw new ApiError(
        404,
        7003,
        `There is no account ${params.account} here; the local one is ${LOCAL_ACCOUNT_ID}`,
      );
    },
    'GET /memberships': ({ url }) =>
      paged(
        [{ id: LOCAL_ACCOUNT_ID, status: 'accepted', roles: ['Administrator'], account: account() }],
        url,
        20,
        50,
      ),
    'GET /user': () => ok({ id: LOCAL_ACCOUNT_ID, email: LOCAL_USER_EMAIL, has_pro_zones: false }),
    'GET /user/tokens/verify': () => ok({ id: LOCAL_ACCOUNT_ID, status: 'active' }),
    // Durable Objects are not offered to local Workers, so that there are none.
    'GET /accounts/:account/workers/durable_objects/namespaces': ({ url }) => paged([], url, 20, 1000),
  };
}
