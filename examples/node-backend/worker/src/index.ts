interface Env {
  VISITS: KVNamespace;
  FILES: R2Bucket;
}

/**
 * GET /              counts the visit in KV
 * PUT /files/<name>  keeps the request's body in R2
 * GET /files/<name>  gives it back
 * GET /fail          throws, to be seen in the tail
 */
export default {
  async fetch(request, env): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === '/') return countVisit(request, env);
    if (pathname.startsWith('/files/')) return file(request, pathname.slice('/files/'.length), env);
    if (pathname === '/fail') throw new Error('This one fails on purpose');
    console.warn('nothing at', pathname);
    return new Response('Not found\n', { status: 404 });
  },
} satisfies ExportedHandler<Env>;

async function countVisit(request: Request, env: Env): Promise<Response> {
  const visitor = request.headers.get('x-visitor') ?? 'somebody';
  const visits = Number((await env.VISITS.get('count')) ?? 0) + 1;
  await env.VISITS.put('count', String(visits));
  console.log(`visit ${visits}, by ${visitor}`);
  return Response.json({ visits });
}

async function file(request: Request, name: string, env: Env): Promise<Response> {
  if (request.method === 'PUT') {
    const stored = await env.FILES.put(name, await request.arrayBuffer(), { httpMetadata: request.headers });
    console.log(`stored ${name}`, { bytes: stored.size });
    return new Response(null, { status: 204 });
  }
  const stored = await env.FILES.get(name);
  console.log(stored ? `read ${name}` : `no file ${name}`);
  return stored ? new Response(stored.body) : new Response('Not found\n', { status: 404 });
}
