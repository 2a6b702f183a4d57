import * as z from 'zod';
import { lazy } from '../../../protocol/lazy.js';
import { kvNamespaceId } from '../../../protocol/resources.js';
import type { StateSlice } from './slice.js';
import { uniqueBy } from './unique.js';

/** What the account knows of KV. Values are the runtime's. */
export interface KvState {
  namespaces: { id: string; title: string; createdOn: string }[];
}

export const kvSlice: StateSlice<KvState> = {
  empty: () => ({ namespaces: [] }),
  migrations: [],
  schema: lazy(() =>
    z.object({
      namespaces: uniqueBy(
        'id',
        // The id names where the values lie.
        z.object({ id: kvNamespaceId(), title: z.string(), createdOn: z.string() }),
      ),
    }),
  ),
};
