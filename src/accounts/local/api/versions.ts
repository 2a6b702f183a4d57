import { createHash, randomUUID } from 'node:crypto';
import { ApiError } from '../envelope.js';
import type { LocalServices } from '../services.js';
import {
  activeVersion,
  type ClientKind,
  type DeploymentRecord,
  KEPT_VERSIONS,
  type LocalState,
  type ModuleRecord,
  type VersionRecord,
  type WorkerRecord,
} from '../state.js';
import { resolveBindings, type ScriptUploadForm } from './script-upload.js';

const EARLIEST_COMPATIBILITY_DATE = '2021-11-02';

/** Stores the modules of an upload, before the state that names them is written. */
export async function storeModules(
  services: LocalServices,
  upload: ScriptUploadForm,
): Promise<ModuleRecord[]> {
  return Promise.all(
    upload.modules.map(async ({ name, type, content }) => ({
      name,
      type,
      sha256: await services.modules.write(content),
      size: content.byteLength,
    })),
  );
}

/** Adds a version made of an upload to a Worker of `draft`. */
export function addVersion(
  draft: LocalState,
  worker: WorkerRecord,
  upload: ScriptUploadForm,
  modules: ModuleRecord[],
  triggeredBy: string,
): VersionRecord {
  const { compatibilityFlags, mainModule, message, tag, source } = upload;
  const version: VersionRecord = {
    id: randomUUID(),
    number: worker.lastVersionNumber + 1,
    createdOn: new Date().toISOString(),
    etag: etagOf(mainModule, modules),
    mainModule,
    modules,
    bindings: resolveBindings(upload, activeVersion(worker), worker.name, draft),
    // Without a date Cloudflare takes the oldest there is.
    compatibilityDate: upload.compatibilityDate ?? EARLIEST_COMPATIBILITY_DATE,
    compatibilityFlags,
    ...(message !== undefined && { message }),
    ...(tag !== undefined && { tag }),
    source,
    triggeredBy,
  };
  return appendVersion(worker, version);
}

/** Adds `version` as the newest, and forgets the oldest ones that do not serve. */
export function appendVersion(worker: WorkerRecord, version: VersionRecord): VersionRecord {
  const active = worker.deployments[0]?.versionId;
  worker.lastVersionNumber = version.number;
  worker.modifiedOn = version.createdOn;
  worker.versions = [version, ...worker.versions].filter(
    (one, index) => index < KEPT_VERSIONS || one.id === active,
  );
  return version;
}

/** Lets a version serve. */
export function addDeployment(
  worker: WorkerRecord,
  versionId: string,
  about: Pick<DeploymentRecord, 'message' | 'source' | 'triggeredBy'>,
): DeploymentRecord {
  const createdOn = new Date().toISOString();
  const deployment: DeploymentRecord = { id: randomUUID(), versionId, createdOn, ...about };
  worker.deployments = [deployment, ...worker.deployments].slice(0, KEPT_VERSIONS);
  worker.modifiedOn = createdOn;
  return deployment;
}

/** A new version of the one that serves, changed in a part, which serves at once, as at Cloudflare. */
export function addChangedVersion(
  worker: WorkerRecord,
  source: ClientKind,
  triggeredBy: string,
  change: (before: VersionRecord) => Partial<VersionRecord>,
): VersionRecord {
  const before = activeVersion(worker);
  if (!before) throw new ApiError(404, 10007, `No version of the Worker ${worker.name} is deployed`);
  const version = appendChanged(worker, before, { ...change(before), source, triggeredBy });
  addDeployment(worker, version.id, { source, triggeredBy });
  return version;
}

/** A new version, `before` but for `change`. Its message and tag are of its own. It does not serve yet. */
export function appendChanged(
  worker: WorkerRecord,
  before: VersionRecord,
  change: Partial<VersionRecord>,
): VersionRecord {
  const { message: _, tag: __, ...kept } = before;
  return appendVersion(worker, {
    ...kept,
    ...change,
    id: randomUUID(),
    number: worker.lastVersionNumber + 1,
    createdOn: new Date().toISOString(),
  });
}

/** A Worker of `draft`, made when there is none of that name. */
export function workerOf(draft: LocalState, name: string): WorkerRecord {
  const found = draft.workers.scripts.find((worker) => worker.name === name);
  if (found) return found;
  const createdOn = new Date().toISOString();
  const worker: WorkerRecord = {
    name,
    tag: randomUUID().replaceAll('-', ''),
    createdOn,
    modifiedOn: createdOn,
    lastVersionNumber: 0,
    versions: [],
    deployments: [],
    settings: { logpush: false, tags: [] },
  };
  draft.workers.scripts.push(worker);
  return worker;
}

/** The Worker of `draft` that must be there. */
export function existingWorker(draft: LocalState, name: string): WorkerRecord {
  const found = draft.workers.scripts.find((worker) => worker.name === name);
  if (found) return found;
  throw new ApiError(404, 10007, `This Worker does not exist on your account: ${name}`);
}

/** Changes with the code, and with nothing else. */
export function etagOf(mainModule: string, modules: readonly ModuleRecord[]): string {
  const hash = createHash('sha256').update(mainModule);
  for (const { name, type, sha256 } of modules) hash.update(`\0${name}\0${type}\0${sha256}`);
  return hash.digest('hex');
}
