import { ApiError, jsonObject } from '../envelope.js';
import { packResponse, unpackRequest } from '../invocation.js';
import { type RouteTable, read, write } from '../router.js';
import type { LocalServices } from '../services.js';
import type { LocalTailParams } from '../tail-filter.js';
import { tailToStream } from '../tail-stream.js';

/** What API v4 has no call for: sending a request to a Worker, and a tail without a WebSocket. */
export const internalRoutes: RouteTable = {
  'POST /local/invoke/:script': write(async ({ params, request }, services) => {
    const { name } = deployed(services, params.script ?? '');
    const runtime = await services.running();
    return packResponse(await runtime.invoke(name, unpackRequest(request)));
  }),
  'POST /local/tails/:script': read(async ({ params, request }, services) => {
    const { name } = deployed(services, params.script ?? '');
    const filters = (await jsonObject(request)) as Omit<LocalTailParams, 'workerName'>;
    const runtime = await services.running();
    let close = () => {};
    const { sink, stream } = tailToStream(() => close());
    close = services.tails.open({ ...filters, workerName: name }, sink, runtime);
    request.signal.addEventListener('abort', close, { once: true });
    await services.loadSourceMaps(name);
    return new Response(stream, { headers: { 'content-type': 'application/x-ndjson' } });
  }),
};

function deployed(services: LocalServices, name: string): { name: string } {
  const worker = services.worker(name);
  if (worker.deployments.length > 0) return worker;
  throw new ApiError(404, 10007, `No version of the Worker ${name} is deployed`);
}
