import { workerName as workerNameSchema } from '../../../protocol/resources.js';
import { ApiError, jsonObject, ok } from '../envelope.js';
import type { RouteTable } from '../router.js';
import type { LocalServices } from '../services.js';
import { activeVersion, type VersionRecord, type WorkerRecord } from '../state.js';
import { refusalOf } from './refusal.js';
import { readScriptUpload } from './script-upload.js';
import { addDeployment, addVersion, existingWorker, storeModules, workerOf } from './versions.js';

const SCRIPT = '/accounts/:account/workers/scripts/:script';

/** Workers: list, read, upload, delete. */
export function scriptRoutes(services: LocalServices): RouteTable {
  return {
    'GET /accounts/:account/workers/scripts': () =>
      ok(services.state.workers.filter((worker) => worker.deployments.length > 0).map(describeScript)),
    [`GET ${SCRIPT}`]: async ({ params }) => content(services, services.worker(params.script ?? '')),
    [`PUT ${SCRIPT}`]: ({ params, request }) => upload(services, params.script ?? '', request),
    [`DELETE ${SCRIPT}`]: ({ params, url }) =>
      remove(services, params.script ?? '', url.searchParams.get('force') === 'true'),
    'GET /accounts/:account/workers/services/:script': ({ params }) =>
      describeService(services, params.script ?? ''),
    'GET /accounts/:account/workers/subdomain': () => {
      throw new ApiError(
        404,
        10007,
        'The local account has no workers.dev subdomain: nothing of it listens on a network',
      );
    },
    [`GET ${SCRIPT}/subdomain`]: ({ params }) => {
      services.worker(params.script ?? '');
      return ok({ enabled: false, previews_enabled: false });
    },
    [`POST ${SCRIPT}/subdomain`]: async ({ params, request }) => {
      services.worker(params.script ?? '');
      const { enabled } = await jsonObject(request);
      if (enabled !== true) return ok({ enabled: false, previews_enabled: false });
      throw new ApiError(
        404,
        7000,
        'The local account has no workers.dev subdomain: call its Workers with `invoke`',
      );
    },
    [`GET ${SCRIPT}/schedules`]: ({ params }) => {
      services.worker(params.script ?? '');
      return ok({ schedules: [] });
    },
  };
}

async function upload(services: LocalServices, name: string, request: Request): Promise<Response> {
  const valid = workerNameSchema.safeParse(name);
  if (!valid.success) throw new ApiError(400, 10016, valid.error.issues[0]?.message ?? 'invalid Worker name');
  const form = await readScriptUpload(request);
  const deploying = services.deploy(async (draft) => {
    const modules = await storeModules(services, form);
    const worker = workerOf(draft, name);
    const version = addVersion(draft, worker, form, modules);
    addDeployment(worker, version.id, form.message);
    return { worker, version };
  });
  const { result, startupTimeMs } = await deploying.catch(refusalOf(name));
  const described = describeScript(result.worker);
  return ok({
    ...described,
    startup_time_ms: startupTimeMs,
    deployment_id: result.version.id,
    entry_point: form.mainModule,
  });
}

async function remove(services: LocalServices, name: string, force: boolean): Promise<Response> {
  await services.undeploy((draft) => {
    existingWorker(draft, name);
    const users = draft.workers.filter((worker) => worker.name !== name && bindsTo(worker, name));
    if (users.length > 0 && !force) {
      const names = users.map((worker) => worker.name).join(', ');
      throw new ApiError(
        409,
        10064,
        `The Worker ${name} is bound to as a service by ${names}. Delete or redeploy those first`,
      );
    }
    draft.workers = draft.workers.filter((worker) => worker.name !== name);
  });
  services.tails.endWorker(name);
  return ok(null);
}

function bindsTo(worker: WorkerRecord, name: string): boolean {
  return (
    activeVersion(worker)?.bindings.some((one) => one.type === 'service' && one.service === name) ?? false
  );
}

function describeScript(worker: WorkerRecord) {
  const version = activeVersion(worker);
  return {
    id: worker.name,
    tag: worker.tag,
    tags: worker.settings.tags,
    etag: version?.etag ?? '',
    created_on: worker.createdOn,
    modified_on: worker.modifiedOn,
    compatibility_date: version?.compatibilityDate,
    compatibility_flags: version?.compatibilityFlags,
    logpush: worker.settings.logpush,
    usage_model: 'standard',
    has_assets: false,
    has_modules: true,
    last_deployed_from: 'api',
  };
}

function describeService(services: LocalServices, name: string): Response {
  const worker = services.state.workers.find((one) => one.name === name);
  if (!worker) throw new ApiError(404, 10090, `This service does not exist on your account: ${name}`);
  const script = describeScript(worker);
  const environment = {
    environment: 'production',
    created_on: worker.createdOn,
    modified_on: worker.modifiedOn,
    script,
  };
  return ok({
    id: name,
    created_on: worker.createdOn,
    modified_on: worker.modifiedOn,
    default_environment: environment,
    environments: [environment],
  });
}

/** A Worker's code: as it is when it is one module, else a form of its modules, as Cloudflare sends it. */
async function content(services: LocalServices, worker: WorkerRecord): Promise<Response> {
  const version = activeVersion(worker) as VersionRecord;
  const [only] = version.modules;
  if (version.modules.length === 1 && only) {
    const headers = { 'content-type': 'application/javascript', etag: `"${version.etag}"` };
    return new Response((await services.modules.read(only)) as Uint8Array<ArrayBuffer>, { headers });
  }
  const form = new FormData();
  for (const module of version.modules) {
    const bytes = (await services.modules.read(module)) as Uint8Array<ArrayBuffer>;
    form.set(module.name, new File([bytes], module.name));
  }
  return new Response(form, { headers: { 'cf-entrypoint': version.mainModule } });
}
