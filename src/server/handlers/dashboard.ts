import { workersAnalytics } from '../../cloudflare/analytics.js';
import type { Api } from '../../cloudflare/client.js';
import { listKvNamespaces } from '../../cloudflare/kv.js';
import { listR2Buckets } from '../../cloudflare/r2.js';
import { listDeployments, listDurableObjectNamespaces, listWorkers } from '../../cloudflare/workers.js';
import {
  type DashboardError,
  type Deployment,
  type ParsedParams,
  type Result,
  SidecarError,
  type Worker,
} from '../../protocol/index.js';
import type { CallContext, ServerServices } from '../context.js';
import { openApi } from './api.js';

/** Deployments are a request a Worker: of the Workers changed last, so many at once. */
const MAX_WORKERS_WITH_DEPLOYMENTS = 50;
const PARALLEL_REQUESTS = 6;

/** Everything a dashboard shows. Products are asked side by side; one that fails is an entry in `errors`. */
export async function getData(
  services: ServerServices,
  _params: ParsedParams<'dashboard.getData'>,
  { signal }: CallContext,
): Promise<Result<'dashboard.getData'>> {
  const api = await openApi(services, signal);
  const { info } = await services.account();
  const errors: DashboardError[] = [];
  const ask = async <T>(product: DashboardError['product'], request: Promise<T[]>): Promise<T[]> => {
    try {
      return await request;
    } catch (error) {
      if (signal.aborted) throw error;
      const { code, message } = SidecarError.from(error);
      errors.push({ product, code, message: services.redactor.text(message) });
      return [];
    }
  };
  const workersAsked = listWorkers(api, signal);
  const [workers, r2Buckets, kvNamespaces, durableObjects, deployments, [analytics]] = await Promise.all([
    ask('workers', workersAsked),
    ask('r2', listR2Buckets(api, signal)),
    ask('kv', listKvNamespaces(api, signal)),
    ask('durableObjects', listDurableObjectNamespaces(api, signal)),
    // Without the Workers nobody knows whose deployments to ask for: that is told as theirs, too.
    ask(
      'deployments',
      workersAsked.then((found) => latestDeployments(api, found, signal)),
    ),
    // Only Cloudflare measures them.
    info.kind === 'cloud'
      ? ask(
          'analytics',
          workersAnalytics(api, signal).then((one) => [one]),
        )
      : [],
  ]);
  return {
    account: info,
    workers,
    r2Buckets,
    kvNamespaces,
    durableObjects,
    deployments,
    ...(analytics && { analytics }),
    errors,
  };
}

/** The deployments of the Workers changed last, newest first. */
async function latestDeployments(
  api: Api,
  workers: readonly Worker[],
  signal: AbortSignal,
): Promise<Deployment[]> {
  const waiting = [...workers]
    .sort((a, b) => (b.modifiedOn ?? '').localeCompare(a.modifiedOn ?? ''))
    .slice(0, MAX_WORKERS_WITH_DEPLOYMENTS);
  const found: Deployment[] = [];
  const askInTurn = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      found.push(...(await listDeployments(api, next.name, signal)));
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_REQUESTS }, askInTurn));
  return found.sort((a, b) => (b.createdOn ?? '').localeCompare(a.createdOn ?? ''));
}
