/** Short texts go to KV, files of any size to R2. */
export type Store = KVNamespace | R2Bucket;

export async function list(store: Store): Promise<string[]> {
  const page = await store.list();
  return 'keys' in page ? page.keys.map((key) => key.name) : page.objects.map((object) => object.key);
}

export async function get(store: Store, name: string): Promise<Response> {
  if (isBucket(store)) {
    const object = await store.get(name);
    if (!object) return notFound();
    const headers = new Headers({ ETag: object.httpEtag });
    object.writeHttpMetadata(headers);
    return new Response(object.body, { headers });
  }
  const value = await store.get(name, 'stream');
  return value ? new Response(value) : notFound();
}

export async function put(store: Store, name: string, request: Request): Promise<Response> {
  const body = await request.arrayBuffer();
  if (isBucket(store)) await store.put(name, body, { httpMetadata: request.headers });
  else await store.put(name, body);
  return new Response(null, { status: 204 });
}

export async function remove(store: Store, name: string): Promise<Response> {
  await store.delete(name);
  return new Response(null, { status: 204 });
}

function isBucket(store: Store): store is R2Bucket {
  return 'createMultipartUpload' in store;
}

function notFound(): Response {
  return new Response('Not found.\n', { status: 404 });
}
