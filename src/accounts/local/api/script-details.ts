import { randomUUID } from 'node:crypto';
import type { WorkerBinding } from '../../../protocol/index.js';
import { ApiError, jsonObject, ok } from '../envelope.js';
import { checkBytes, LIMITS } from '../limits.js';
import type { RouteTable } from '../router.js';
import type { LocalServices } from '../services.js';
import { activeVersion, type DeploymentRecord, type VersionRecord, type WorkerRecord } from '../state.js';
import { refusalOf } from './refusal.js';
import { readScriptUpload } from './script-upload.js';
import {
  addDeployment,
  addVersion,
  appendVersion,
  existingWorker,
  storeModules,
  workerOf,
} from './versions.js';

const SCRIPT = '/accounts/:account/workers/scripts/:script';

/** What belongs to one Worker: settings, versions, deployments, secrets. */
export function scriptDetailRoutes(services: LocalServices): RouteTable {
  const worker = (params: Readonly<Record<string, string>>) => services.worker(params.script ?? '');
  return {
    [`GET ${SCRIPT}/settings`]: ({ params }) => ok(describeSettings(worker(params))),
    [`GET ${SCRIPT}/script-settings`]: ({ params }) => ok(describeScriptSettings(worker(params))),
    [`PATCH ${SCRIPT}/script-settings`]: ({ params, request }) =>
      changeScriptSettings(services, params.script ?? '', request),
    [`GET ${SCRIPT}/deployments`]: ({ params }) =>
      ok({ deployments: worker(params).deployments.map(describeDeployment) }),
    [`POST ${SCRIPT}/deployments`]: ({ params, request }) =>
      deployVersion(services, params.script ?? '', request),
    [`GET ${SCRIPT}/versions`]: ({ params }) => ok({ items: worker(params).versions.map(describeVersion) }),
    [`GET ${SCRIPT}/versions/:version`]: ({ params }) =>
      ok(describeWhole(worker(params), params.version ?? '')),
    [`POST ${SCRIPT}/versions`]: ({ params, request }) =>
      uploadVersion(services, params.script ?? '', request),
    [`GET ${SCRIPT}/secrets`]: ({ params }) => ok(secretsOf(worker(params))),
    [`PUT ${SCRIPT}/secrets`]: ({ params, request }) => putSecret(services, params.script ?? '', request),
    [`DELETE ${SCRIPT}/secrets/:name`]: ({ params }) =>
      deleteSecret(services, params.script ?? '', params.name ?? ''),
  };
}

/** A binding as Cloudflare tells it: never a secret's value. */
function describeBinding(binding: WorkerBinding): Record<string, unknown> {
  return binding.type === 'secret_text' ? { type: binding.type, name: binding.name } : { ...binding };
}

function describeSettings(worker: WorkerRecord) {
  const version = activeVersion(worker);
  return {
    bindings: version?.bindings.map(describeBinding) ?? [],
    compatibility_date: version?.compatibilityDate,
    compatibility_flags: version?.compatibilityFlags ?? [],
    placement: {},
    usage_model: 'standard',
    ...describeScriptSettings(worker),
  };
}

function describeScriptSettings({ settings }: WorkerRecord) {
  const { logpush, tags, observability } = settings;
  return { logpush, tags, tail_consumers: null, observability: observability ?? null };
}

async function changeScriptSettings(
  services: LocalServices,
  name: string,
  request: Request,
): Promise<Response> {
  const change = await jsonObject(request);
  const worker = await services.change((draft) => {
    const found = existingWorker(draft, name);
    if (typeof change.logpush === 'boolean') found.settings.logpush = change.logpush;
    if (Array.isArray(change.tags)) found.settings.tags = change.tags.map(String);
    if (change.observability !== undefined) found.settings.observability = change.observability;
    return found;
  });
  return ok(describeScriptSettings(worker));
}

function describeDeployment(deployment: DeploymentRecord) {
  return {
    id: deployment.id,
    source: 'api',
    strategy: 'percentage',
    author_email: '',
    annotations: { 'workers/triggered_by': 'upload', 'workers/message': deployment.message },
    versions: [{ version_id: deployment.versionId, percentage: 100 }],
    created_on: deployment.createdOn,
  };
}

function describeVersion(version: VersionRecord) {
  return {
    id: version.id,
    number: version.number,
    metadata: {
      created_on: version.createdOn,
      modified_on: version.createdOn,
      source: 'api',
      has_preview: false,
    },
    annotations: { 'workers/message': version.message, 'workers/tag': version.tag },
  };
}

function describeWhole(worker: WorkerRecord, versionId: string) {
  const version = worker.versions.find((one) => one.id === versionId);
  if (!version) throw new ApiError(404, 10110, `The Worker ${worker.name} has no version ${versionId}`);
  return {
    ...describeVersion(version),
    resources: {
      bindings: version.bindings.map(describeBinding),
      script: { etag: version.etag, handlers: [], last_deployed_from: 'api' },
      script_runtime: {
        compatibility_date: version.compatibilityDate,
        compatibility_flags: version.compatibilityFlags,
        usage_model: 'standard',
      },
    },
  };
}

/** A version that does not serve yet. It is first checked by the runtime when it is deployed. */
async function uploadVersion(services: LocalServices, name: string, request: Request): Promise<Response> {
  const form = await readScriptUpload(request);
  const version = await services.change(async (draft) => {
    existingWorker(draft, name);
    return addVersion(draft, workerOf(draft, name), form, await storeModules(services, form));
  });
  return ok({ ...describeVersion(version), startup_time_ms: 0 });
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
  const annotations = (body.annotations ?? {}) as Record<string, string | undefined>;
  const deploying = services.deploy((draft) => {
    const worker = existingWorker(draft, name);
    if (!worker.versions.some((one) => one.id === only.version_id)) {
      throw new ApiError(404, 10110, `The Worker ${name} has no version ${only.version_id}`);
    }
    addDeployment(worker, String(only.version_id), annotations['workers/message']);
    return worker.deployments[0] as DeploymentRecord;
  });
  const { result } = await deploying.catch(refusalOf(name));
  return ok(describeDeployment(result));
}

function secretsOf(worker: WorkerRecord) {
  const bindings = activeVersion(worker)?.bindings ?? [];
  return bindings.filter((one) => one.type === 'secret_text').map(({ name, type }) => ({ name, type }));
}

async function putSecret(services: LocalServices, scriptName: string, request: Request): Promise<Response> {
  const { name, text, type } = await jsonObject(request);
  if (typeof name !== 'string' || typeof text !== 'string' || type !== 'secret_text') {
    throw new ApiError(400, 10001, 'A secret has a name, a text and the type secret_text');
  }
  checkBytes(text, LIMITS.variableBytes, `The secret ${name}`, 10062, 413);
  await changeBindings(services, scriptName, (bindings) => [
    ...bindings.filter((one) => one.name !== name),
    { type: 'secret_text', name, text },
  ]);
  return ok({ name, type: 'secret_text' });
}

async function deleteSecret(services: LocalServices, scriptName: string, name: string): Promise<Response> {
  await changeBindings(services, scriptName, (bindings) => {
    const left = bindings.filter((one) => one.name !== name || one.type !== 'secret_text');
    if (left.length < bindings.length) return left;
    throw new ApiError(404, 10056, `The Worker ${scriptName} has no secret ${name}`);
  });
  return ok(null);
}

/** A change of bindings is a new version of the same code, deployed at once, as at Cloudflare. */
async function changeBindings(
  services: LocalServices,
  scriptName: string,
  change: (bindings: WorkerBinding[]) => WorkerBinding[],
): Promise<void> {
  const deploying = services.deploy((draft) => {
    const worker = existingWorker(draft, scriptName);
    const before = activeVersion(worker);
    if (!before) throw new ApiError(404, 10007, `No version of the Worker ${scriptName} is deployed`);
    const version = appendVersion(worker, {
      ...before,
      id: randomUUID(),
      number: worker.lastVersionNumber + 1,
      createdOn: new Date().toISOString(),
      bindings: change(before.bindings),
    });
    addDeployment(worker, version.id);
  });
  await deploying.catch(refusalOf(scriptName));
}
