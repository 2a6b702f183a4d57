import type { Deployment, DeploymentListResponse } from 'cloudflare/resources/workers/scripts/deployments';
import type {
  VersionCreateResponse,
  VersionGetResponse,
} from 'cloudflare/resources/workers/scripts/versions';
import { ApiError, jsonObject, ok, paged } from '../envelope.js';
import { type RouteTable, read, write } from '../router.js';
import type { LocalServices } from '../services.js';
import type { DeploymentRecord, VersionRecord, WorkerRecord } from '../state.js';
import { calledWorker } from './called-worker.js';
import { describeDeployment, describeWholeVersion } from './describe-script.js';
import { refusalOf } from './refusal.js';
import { readScriptUpload, sourceOf } from './script-upload.js';
import { addDeployment, addVersion, existingWorker, storeModules } from './versions.js';

const SCRIPT = '/accounts/:account/workers/scripts/:script';

/** The versions of a Worker, and which of them serves. */
export const scriptVersionRoutes: RouteTable = {
  // With their bindings, which the SDK's type leaves out and wrangler reads.
  [`GET ${SCRIPT}/versions`]: read((call, services) =>
    paged(calledWorker(call, services).versions.map(describeWholeVersion), call.url, 10, 100, (items) => ({
      items,
    })),
  ),
  [`GET ${SCRIPT}/versions/:version`]: read((call, services) => {
    const version = versionOf(calledWorker(call, services), call.params.version ?? '');
    return ok(describeWholeVersion(version) satisfies VersionGetResponse);
  }),
  [`POST ${SCRIPT}/versions`]: write(({ params, request }, services) =>
    uploadVersion(services, params.script ?? '', request),
  ),
  [`GET ${SCRIPT}/deployments`]: read((call, services) =>
    ok({
      deployments: calledWorker(call, services).deployments.map(describeDeployment),
    } satisfies DeploymentListResponse),
  ),
  [`POST ${SCRIPT}/deployments`]: write(({ params, request }, services) =>
    deployVersion(services, params.script ?? '', request),
  ),
  [`GET ${SCRIPT}/deployments/:deployment`]: read((call, services) =>
    ok(describeDeployment(deploymentOf(calledWorker(call, services), call.params.deployment ?? ''))),
  ),
  [`DELETE ${SCRIPT}/deployments/:deployment`]: write(({ params }, services) =>
    deleteDeployment(services, params.script ?? '', params.deployment ?? ''),
  ),
};

function versionOf(worker: WorkerRecord, id: string): VersionRecord {
  const version = worker.versions.find((one) => one.id === id);
  if (version) return version;
  throw new ApiError(404, 10110, `The Worker ${worker.name} has no version ${id}`);
}

function deploymentOf(worker: WorkerRecord, id: string): DeploymentRecord {
  const deployment = worker.deployments.find((one) => one.id === id);
  if (deployment) return deployment;
  throw new ApiError(404, 10111, `The Worker ${worker.name} has no deployment ${id}`);
}

/** A version that does not serve yet. It is first checked by the runtime when it is deployed. */
async function uploadVersion(services: LocalServices, name: string, request: Request): Promise<Response> {
  const form = await readScriptUpload(request);
  const version = await services.change(async (draft) => {
    const worker = existingWorker(draft, name);
    return addVersion(draft, worker, form, await storeModules(services, form), 'version_upload');
  });
  return ok(describeWholeVersion(version) satisfies VersionCreateResponse);
}

async function deployVersion(services: LocalServices, name: string, request: Request): Promise<Response> {
  const body = await jsonObject(request);
  const versions = Array.isArray(body.versions)
    ? (body.versions as { version_id?: string; percentage?: number }[])
    : [];
  const [only] = versions;
  if (versions.length !== 1 || only?.percentage !== 100) {
    throw new ApiError(
      400,
      10001,
      'The local account deploys one version at 100%; it does not split requests',
    );
  }
  const { 'workers/message': message } = (body.annotations ?? {}) as Record<string, string | undefined>;
  const deploying = services.deploy((draft) => {
    const worker = existingWorker(draft, name);
    const { id } = versionOf(worker, String(only.version_id));
    return addDeployment(worker, id, {
      source: sourceOf(request),
      triggeredBy: 'deployment',
      ...(message !== undefined && { message }),
    });
  });
  const { result } = await deploying.catch(refusalOf(name));
  return ok(describeDeployment(result) satisfies Deployment);
}

/** Takes a deployment out of the list. The one that serves stays. */
async function deleteDeployment(services: LocalServices, name: string, id: string): Promise<Response> {
  await services.change((draft) => {
    const worker = existingWorker(draft, name);
    const deployment = deploymentOf(worker, id);
    if (deployment === worker.deployments[0]) {
      throw new ApiError(400, 10112, `The deployment ${id} serves; deploy another version first`);
    }
    worker.deployments = worker.deployments.filter((one) => one !== deployment);
  });
  return ok(null);
}
