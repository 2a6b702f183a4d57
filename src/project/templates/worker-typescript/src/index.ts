import { get, list, put, remove, type Store } from './store';

interface Env {
  NOTES: KVNamespace;
  FILES: R2Bucket;
}

/**
 * GET    /notes, /files             the names that are there
 * PUT    /notes/<name>, /files/<name>   keeps the request's body: a note in KV, a file in R2
 * GET    /notes/<name>, /files/<name>   gives it back
 * DELETE /notes/<name>, /files/<name>
 */
export default {
  async fetch(request, env): Promise<Response> {
    const { pathname } = new URL(request.url);
    const response = await answer(request, pathname, env);
    console.log(request.method, pathname, response.status);
    return response;
  },
} satisfies ExportedHandler<Env>;

async function answer(request: Request, pathname: string, env: Env): Promise<Response> {
  const [, kind, ...rest] = pathname.split('/');
  const name = decodeURIComponent(rest.join('/'));
  const store: Store | undefined = kind === 'notes' ? env.NOTES : kind === 'files' ? env.FILES : undefined;
  if (!store) return new Response('Try /notes or /files.\n', { status: 404 });
  if (name === '') return Response.json(await list(store));
  switch (request.method) {
    case 'GET':
      return get(store, name);
    case 'PUT':
      return put(store, name, request);
    case 'DELETE':
      return remove(store, name);
    default:
      return new Response('GET, PUT or DELETE.\n', { status: 405, headers: { Allow: 'GET, PUT, DELETE' } });
  }
}
