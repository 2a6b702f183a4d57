import { workersAnalytics } from '../../cloudflare/analytics.js';
import type { Api } from '../../cloudflare/client.js';
import { listKvNamespaces } from '../../cloudflare/kv.js';
import { listR2Buckets } from '../../cloudflare/r2.js';
import { listDeployments, listDurableObjectNamespaces, listWorkers } from '../../cloudflare/workers.js';
import { shorten } from '../../lib/shorten.js';
import {
  type DashboardError,
  type Deployment,
  type ErrorCode,
  methods,
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
/** What a product's error tells at most. */
const MAX_MESSAGE_CHARS = 1000;
/** Room for the account, the errors and what stands around the pieces. */
const RESERVED_BYTES = 16 * 1024;

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
      errors.push({ product, code, message: shorten(services.redactor.text(message), MAX_MESSAGE_CHARS) });
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
  const pieces = { workers, r2Buckets, kvNamespaces, durableObjects, deployments };
  const found = { ...pieces, ...(analytics && { analytics }) };
  return { account: info, ...fitting(found, roomIn(services.maxBodyBytes), errors), errors };
}

function roomIn(maxBodyBytes: number): number {
  return maxBodyBytes - Math.min(RESERVED_BYTES, maxBodyBytes / 2);
}

type Pieces = Pick<
  Result<'dashboard.getData'>,
  'workers' | 'r2Buckets' | 'kvNamespaces' | 'durableObjects' | 'deployments' | 'analytics'
>;

const PRODUCT_OF = {
  workers: 'workers',
  r2Buckets: 'r2',
  kvNamespaces: 'kv',
  durableObjects: 'durableObjects',
  deployments: 'deployments',
  analytics: 'analytics',
} as const satisfies Record<keyof Pieces, DashboardError['product']>;

/**
 * The pieces that have room in one message: of those that have none the largest is an entry in `errors` instead, and so is
 * one that is not in the form of the contract. The others stay.
 */
function fitting(pieces: Pieces, maxBytes: number, errors: DashboardError[]): Pieces {
  const { shape } = methods['dashboard.getData'].result;
  const sizes = new Map<keyof Pieces, number>();
  const leaveOut = (name: keyof Pieces, code: ErrorCode, message: string) => {
    sizes.delete(name);
    errors.push({ product: PRODUCT_OF[name], code, message });
  };
  for (const name of Object.keys(pieces) as (keyof Pieces)[]) {
    const parsed = shape[name].safeParse(pieces[name]);
    if (parsed.success) sizes.set(name, Buffer.byteLength(JSON.stringify(parsed.data ?? null)));
    else leaveOut(name, 'cloudflare-error', "Cloudflare's answer is not in the form that was expected.");
  }
  while ([...sizes.values()].reduce((sum, bytes) => sum + bytes, 0) > maxBytes) {
    const [[name, bytes]] = [...sizes].sort(([, a], [, b]) => b - a) as [[keyof Pieces, number]];
    leaveOut(
      name,
      'result-too-large',
      `${bytes} bytes have no room in one message; list them by themselves.`,
    );
  }
  const kept = <K extends keyof Pieces>(name: K, instead: Pieces[K]) =>
    sizes.has(name) ? pieces[name] : instead;
  return {
    workers: kept('workers', []),
    r2Buckets: kept('r2Buckets', []),
    kvNamespaces: kept('kvNamespaces', []),
    durableObjects: kept('durableObjects', []),
    deployments: kept('deployments', []),
    ...(sizes.has('analytics') && { analytics: pieces.analytics }),
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
