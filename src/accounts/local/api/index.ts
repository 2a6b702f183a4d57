import type { RouteTable } from '../router.js';
import type { LocalServices } from '../services.js';
import { accountRoutes } from './account.js';
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

/** Every route that the local account offers. */
export function localRoutes(services: LocalServices): RouteTable {
  return {
    ...accountRoutes(services),
    ...scriptRoutes(services),
    ...scriptContentRoutes(services),
    ...scriptVersionRoutes(services),
    ...scriptSettingsRoutes(services),
    ...scriptSecretRoutes(services),
    ...kvNamespaceRoutes(services),
    ...kvKeyRoutes(services),
    ...r2BucketRoutes(services),
    ...r2ObjectRoutes(services),
    ...internalRoutes(services),
  };
}
