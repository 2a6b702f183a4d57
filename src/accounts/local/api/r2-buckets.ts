import type {
  BucketDeleteResponse,
  BucketListResponse,
  Bucket as SdkBucket,
} from 'cloudflare/resources/r2/buckets/buckets';
import { SidecarError } from '../../../protocol/index.js';
import { r2BucketName, r2LocationHint, r2StorageClass } from '../../../protocol/resources.js';
import { ApiError, jsonObject, ok, wholeNumber } from '../envelope.js';
import { type RouteTable, read, write } from '../router.js';
import type { LocalServices } from '../services.js';
import type { LocalState } from '../state.js';

const BUCKETS = '/accounts/:account/r2/buckets';

type Bucket = LocalState['r2']['buckets'][number];

/** R2 buckets. */
export const r2BucketRoutes: RouteTable = {
  [`GET ${BUCKETS}`]: read(({ url }, services) => listBuckets(services, url)),
  [`POST ${BUCKETS}`]: write(async ({ request }, services) =>
    ok(await createBucket(services, await jsonObject(request))),
  ),
  [`GET ${BUCKETS}/:bucket`]: read(({ params }, services) => ok(describe(bucketOf(services, params.bucket)))),
  [`DELETE ${BUCKETS}/:bucket`]: write(async ({ params }, services) => {
    await removeBucket(services, params.bucket ?? '');
    return ok({} satisfies BucketDeleteResponse);
  }),
};

/** @throws ApiError 404 as Cloudflare answers it. */
export function bucketOf(services: LocalServices, name: string | undefined): Bucket {
  const found = services.state.r2.buckets.find((bucket) => bucket.name === name);
  if (found) return found;
  throw new ApiError(404, 10006, `The specified bucket does not exist: ${name}`);
}

function describe({ name, createdOn, location, storageClass }: Bucket): SdkBucket {
  return {
    name,
    creation_date: createdOn,
    ...(location && { location: location as SdkBucket['location'] }),
    storage_class: storageClass as SdkBucket['storage_class'],
    jurisdiction: 'default',
  };
}

/** The cursor is the last name of the page before. */
function listBuckets(services: LocalServices, url: URL): Response {
  const limit = wholeNumber(url, 'per_page', 20, 1, 1000);
  const contains = url.searchParams.get('name_contains') ?? '';
  const cursor = url.searchParams.get('cursor');
  const after = cursor
    ? Buffer.from(cursor, 'base64url').toString()
    : (url.searchParams.get('start_after') ?? '');
  const found = services.state.r2.buckets
    .filter(({ name }) => name.includes(contains) && name > after)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const more = found.length > page.length && last;
  return ok({ buckets: page.map(describe) } satisfies BucketListResponse, {
    per_page: limit,
    ...(more && { cursor: Buffer.from(last.name).toString('base64url') }),
  });
}

function createBucket(services: LocalServices, body: Record<string, unknown>) {
  const name = checked(r2BucketName(), body.name, 10005);
  const location =
    body.locationHint === undefined ? undefined : checked(r2LocationHint(), body.locationHint, 10001);
  const storageClass = checked(r2StorageClass(), body.storageClass ?? 'Standard', 10062);
  if (storageClass !== 'Standard') {
    throw new SidecarError(
      'unsupported',
      `The local account has buckets of the storage class Standard only, not ${storageClass}. Leave it out, or use the cloud account.`,
    );
  }
  return services.change((draft) => {
    if (draft.r2.buckets.some((bucket) => bucket.name === name)) {
      throw new ApiError(
        409,
        10004,
        `The bucket you tried to create already exists, and you own it: ${name}`,
      );
    }
    const bucket: Bucket = {
      name,
      createdOn: new Date().toISOString(),
      storageClass,
      ...(location && { location }),
    };
    draft.r2.buckets.push(bucket);
    return describe(bucket);
  });
}

function checked<T>(
  schema: {
    safeParse(
      value: unknown,
    ): { success: true; data: T } | { success: false; error: { issues: { message: string }[] } };
  },
  value: unknown,
  code: number,
): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ApiError(400, code, parsed.error.issues[0]?.message ?? 'invalid value');
}

function removeBucket(services: LocalServices, name: string): Promise<void> {
  return services.change(async (draft) => {
    bucketOf(services, name);
    const { objects } = await (await services.storage()).r2.list(name, { limit: 1 });
    if (objects.length > 0) {
      throw new ApiError(409, 10008, `The bucket you tried to delete is not empty: ${name}`);
    }
    await (await services.storage()).r2.wipe(name);
    draft.r2.buckets = draft.r2.buckets.filter((bucket) => bucket.name !== name);
  });
}
