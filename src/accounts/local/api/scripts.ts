import type { ScriptUpdateResponse } from 'cloudflare/resources/workers/scripts/scripts';
import { workerName as workerNameSchema } from '../../../protocol/resources.js';
import { ApiError, ok } from '../envelope.js';
import { type Call, type RouteTable, read, write } from '../router.js';
import type { LocalServices } from '../services.js';
import { activeVersion, type WorkerRecord } from '../state.js';
import { describeScript, describeService } from './describe-script.js';
import { refusalOf } from './refusal.js';
import { readScriptUpload } from './script-upload.js';
import { addDeployment, addVersion, existingWorker, storeModules, workerOf } from './versions.js';

const WORKERS = '/accounts/:account/workers';
const SCRIPT = `${WORKERS}/scripts/:script`;

/** Workers: list, upload, delete. */
export const scriptRoutes: RouteTable = {
  [`GET ${WORKERS}/scripts`]: read((_, services) => {
    const deployed = services.state.workers.scripts.filter((worker) => worker.deployments.length > 0);
    return ok(deployed.map(describeScript));
  }),
  [`PUT ${SCRIPT}`]: write(({ params, request }, services) => upload(services, params.script ?? '', request)),
  [`DELETE ${SCRIPT}`]: write((call, services) => remove(services, call)),
  [`GET ${WORKERS}/services/:script`]: read(({ params }, services) => {
    const worker = services.state.workers.scripts.find(({ name }) => name === params.script);
    if (worker) return ok(describeService(worker));
    throw new ApiError(404, 10090, `This service does not exist on your account: ${params.script}`);
  }),
  [`DELETE ${WORKERS}/services/:script`]: write((call, services) => remove(services, call)),
  // What wrangler asks before it deletes a Worker: who would miss it.
  [`GET ${SCRIPT}/references`]: read(({ params }, services) => {
    const { name } = services.worker(params.script ?? '');
    const incoming = usersOf(services.state.workers.scripts, name).map((user) => ({
      service: user.name,
      environment: 'production',
      name: user.name,
    }));
    return ok({ services: { incoming, outgoing: [], pages_function: false } });
  }),
  [`GET ${WORKERS}/tails/by-consumer/:script`]: read(() => ok([])),
};

async function upload(services: LocalServices, name: string, request: Request): Promise<Response> {
  const valid = workerNameSchema().safeParse(name);
  if (!valid.success) throw new ApiError(400, 10016, valid.error.issues[0]?.message ?? 'invalid Worker name');
  const form = await readScriptUpload(request);
  const { message, source } = form;
  const deploying = services.deploy(async (draft) => {
    const modules = await storeModules(services, form);
    const worker = workerOf(draft, name);
    const version = addVersion(draft, worker, form, modules, 'upload');
    addDeployment(worker, version.id, {
      source,
      triggeredBy: 'upload',
      ...(message !== undefined && { message }),
    });
    return { worker, version };
  });
  const { result, startupTimeMs } = await deploying.catch(refusalOf(name));
  return ok({
    ...describeScript(result.worker),
    startup_time_ms: startupTimeMs,
    entry_point: form.mainModule,
    // Cloudflare's name for the version's id, which the SDK does not know.
    ...{ deployment_id: result.version.id },
  } satisfies ScriptUpdateResponse);
}

async function remove(services: LocalServices, { params, url }: Call): Promise<Response> {
  const name = params.script ?? '';
  const force = url.searchParams.get('force') === 'true';
  await services.undeploy((draft) => {
    existingWorker(draft, name);
    const users = usersOf(draft.workers.scripts, name);
    if (users.length > 0 && !force) {
      const names = users.map((worker) => worker.name).join(', ');
      throw new ApiError(
        409,
        10064,
        `The Worker ${name} is bound to as a service by ${names}. Delete or redeploy those first`,
      );
    }
    draft.workers.scripts = draft.workers.scripts.filter((worker) => worker.name !== name);
  });
  services.tails.endWorker(name);
  return ok(null);
}

/** The other Workers that have this one as a service. */
function usersOf(workers: readonly WorkerRecord[], name: string): WorkerRecord[] {
  return workers.filter(
    (worker) =>
      worker.name !== name &&
      activeVersion(worker)?.bindings.some((one) => one.type === 'service' && one.service === name),
  );
}
