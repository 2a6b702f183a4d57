import { Router, type RouteTable } from '../router.js';
import { accountRoutes } from './account.js';
import { graphqlRoutes } from './graphql.js';
import { internalRoutes } from './internal.js';
import { kvKeyRoutes } from './kv-keys.js';
import { kvNamespaceRoutes } from './kv-namespaces.js';
import { r2BucketRoutes } from './r2-buckets.js';
import { r2ObjectRoutes } from './r2-objects.js';
import { scriptContentRoutes } from './script-content.js';
import { scriptSecretRoutes } from './script-secrets.js';
import { scriptSettingsRoutes } from './script-settings.js';
import { scriptVersionRoutes } from './script-versions.js';
import { scriptRoutes } from './scripts.js';
import { workerRoutes } from './workers.js';

/** Every route that the local account offers. */
export const localRoutes: RouteTable = {
  ...accountRoutes,
  ...scriptRoutes,
  ...workerRoutes,
  ...scriptContentRoutes,
  ...scriptVersionRoutes,
  ...scriptSettingsRoutes,
  ...scriptSecretRoutes,
  ...kvNamespaceRoutes,
  ...kvKeyRoutes,
  ...r2BucketRoutes,
  ...r2ObjectRoutes,
  ...graphqlRoutes,
  ...internalRoutes,
};

export const localRouter = new Router(localRoutes);
