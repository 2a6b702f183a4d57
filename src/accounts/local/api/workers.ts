import type { Version } from 'cloudflare/resources/workers/beta/workers/versions';
import type { Worker } from 'cloudflare/resources/workers/beta/workers/workers';
import { ApiError, jsonObject, ok, paged } from '../envelope.js';
import { type Call, type RouteTable, read, write } from '../router.js';
import type { LocalServices } from '../services.js';
import type { VersionRecord, WorkerRecord } from '../state.js';
import { calledWorker } from './called-worker.js';
import { describeBindings, describeVersion } from './describe-script.js';
import { textOf, withSecrets } from './script-secrets.js';
import { sourceOf } from './script-upload.js';
import { appendChanged, existingWorker } from './versions.js';

const WORKERS = '/accounts/:account/workers/workers';

/**
 * Workers by Cloudflare's newer API, of which wrangler 4.164 asks two things: where a Worker is reached, and a version
 * with other secrets. Which Workers refer to this one is left to the older API's `references`.
 */
export const workerRoutes: RouteTable = {
  [`GET ${WORKERS}`]: read(({ url }, services) =>
    paged(services.state.workers.scripts.map(describeWorker), url, 10, 100),
  ),
  [`GET ${WORKERS}/:script`]: read((call, services) => ok(describeWorker(calledWorker(call, services)))),
  [`PATCH ${WORKERS}/:script/versions/latest`]: write((call, services) => changeLatest(services, call)),
};

function describeWorker(worker: WorkerRecord): Worker {
  const { name, tag, settings, createdOn, modifiedOn, deployments } = worker;
  return {
    id: tag,
    name,
    created_on: createdOn,
    updated_on: modifiedOn,
    deployed_on: deployments[0]?.createdOn ?? null,
    logpush: settings.logpush,
    observability: (settings.observability ?? { enabled: false }) as Worker.Observability,
    references: {
      dispatch_namespace_outbounds: [],
      domains: [],
      durable_objects: [],
      queues: [],
      workers: [],
    },
    // Without `url`: nothing of the local account listens on a network.
    subdomain: { enabled: false, previews_enabled: false },
    tags: settings.tags,
    tail_consumers: [],
  };
}

/** A JSON merge patch of the newest version: a new version with other secrets, which does not serve yet. */
async function changeLatest(services: LocalServices, { params, request }: Call): Promise<Response> {
  const patch = await jsonObject(request);
  const texts = secretsOf(patch.env);
  const annotations = (patch.annotations ?? {}) as Record<string, unknown>;
  const [message, tag] = [annotations['workers/message'], annotations['workers/tag']];
  const version = await services.change((draft) => {
    const worker = existingWorker(draft, params.script ?? '');
    const [newest] = worker.versions;
    if (!newest) throw new ApiError(404, 10222, `The Worker ${worker.name} has no version`);
    return appendChanged(worker, newest, {
      bindings: withSecrets(newest.bindings, texts),
      ...(typeof message === 'string' && { message }),
      ...(typeof tag === 'string' && { tag }),
      source: sourceOf(request),
      triggeredBy: 'secret',
    });
  });
  return ok(describe(version));
}

/** The changed secrets by name; undefined deletes one. @throws ApiError 400 for any other change */
function secretsOf(env: unknown): Map<string, string | undefined> {
  if (typeof env !== 'object' || env === null) {
    throw new ApiError(400, 10001, 'Only secrets can be changed so: the patch must have an `env` of them');
  }
  return new Map(
    Object.entries(env as Record<string, Record<string, unknown> | null>).map(([name, secret]) => [
      name,
      secret === null ? undefined : textOf({ ...secret, name }),
    ]),
  );
}

function describe(version: VersionRecord): Version {
  const { annotations } = describeVersion(version);
  return {
    id: version.id,
    number: version.number,
    created_on: version.createdOn,
    urls: [],
    annotations,
    bindings: describeBindings(version.bindings) as Version['bindings'],
    compatibility_date: version.compatibilityDate,
    compatibility_flags: version.compatibilityFlags,
    main_module: version.mainModule,
    source: version.source ?? 'api',
    usage_model: 'standard',
  };
}
