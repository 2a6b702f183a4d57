import * as z from 'zod';
import { lazy } from '../../../protocol/lazy.js';
import { r2BucketName } from '../../../protocol/resources.js';
import type { StateSlice } from './slice.js';
import { uniqueBy } from './unique.js';

/** What the account knows of R2. Objects are the runtime's. */
export interface R2State {
  buckets: { name: string; createdOn: string; location?: string; storageClass: string }[];
}

export const r2Slice: StateSlice<R2State> = {
  empty: () => ({ buckets: [] }),
  migrations: [],
  schema: lazy(() =>
    z.object({
      buckets: uniqueBy(
        'name',
        // The name is a folder's.
        z.object({
          name: r2BucketName(),
          createdOn: z.string(),
          location: z.string().optional(),
          storageClass: z.string(),
        }),
      ),
    }),
  ),
};
