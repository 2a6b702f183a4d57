import { jsonObject } from '../envelope.js';
import { type RouteTable, read } from '../router.js';
import type { LocalServices } from '../services.js';

/** The one data set of Cloudflare's analytics that this account can tell: how much a bucket holds. */
const STORAGE = 'r2StorageAdaptiveGroups';

/** Cloudflare's GraphQL. Its answers have GraphQL's own envelope, and its errors the status 200. */
export const graphqlRoutes: RouteTable = {
  'POST /graphql': read(async ({ request }, services) => {
    const { query, variables } = await jsonObject(request);
    if (typeof query !== 'string' || !query.includes(STORAGE)) {
      return refused(`The local account has no analytics; of GraphQL it answers ${STORAGE} alone.`);
    }
    const { filter } = (variables ?? {}) as { filter?: { bucketName?: unknown } };
    if (typeof filter?.bucketName !== 'string') {
      return refused(`${STORAGE} is answered for one bucket: \`variables.filter.bucketName\` must name it.`);
    }
    const bucket = services.state.r2.buckets.find(({ name }) => name === filter.bucketName);
    const datetime = new Date().toISOString();
    const groups = bucket ? [{ max: await sizeOf(services, bucket.name), dimensions: { datetime } }] : [];
    return Response.json({ data: { viewer: { accounts: [{ [STORAGE]: groups }] } }, errors: null });
  }),
};

function refused(message: string): Response {
  return Response.json({ data: null, errors: [{ message }] });
}

/** What a bucket holds now: objects, and bytes of their contents and of their metadata. */
async function sizeOf(services: LocalServices, bucket: string) {
  const { r2 } = await services.storage();
  const size = { objectCount: 0, payloadSize: 0, metadataSize: 0 };
  let cursor: string | undefined;
  do {
    const page = await r2.list(bucket, cursor === undefined ? {} : { cursor });
    for (const { size: bytes, httpMetadata, customMetadata } of page.objects) {
      size.objectCount += 1;
      size.payloadSize += bytes;
      for (const entry of [...Object.entries(httpMetadata), ...Object.entries(customMetadata)]) {
        size.metadataSize += Buffer.byteLength(entry.join(''));
      }
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  return size;
}
