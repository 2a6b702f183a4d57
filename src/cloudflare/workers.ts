import type { Deployment as SdkDeployment } from 'cloudflare/resources/workers/scripts/deployments';
import type { Deployment, DurableObjectNamespace, Worker } from '../protocol/index.js';
import type { Api } from './client.js';
import { call } from './errors.js';
import { everyPage, listed } from './pages.js';
import { type ScriptUpload, uploadForm } from './upload-form.js';

export { MODULE_CONTENT_TYPES, type ModuleType, type ScriptUpload } from './upload-form.js';

export interface UploadedScript {
  /** The id of the version that now serves. */
  version?: string;
  etag?: string;
  startupTimeMs?: number;
}

/** All Workers of the account. */
export async function listWorkers({ client, accountId }: Api, signal: AbortSignal): Promise<Worker[]> {
  const page = await call('list the Workers', signal, (signal) =>
    client.workers.scripts.list({ account_id: accountId }, { signal }),
  );
  return listed(page.result, 'list the Workers').map((script) => ({
    name: script.id ?? '',
    etag: script.etag,
    createdOn: script.created_on,
    modifiedOn: script.modified_on,
    compatibilityDate: script.compatibility_date,
    compatibilityFlags: script.compatibility_flags,
    handlers: script.handlers,
    usageModel: script.usage_model,
  }));
}

/**
 * Uploads a Worker and lets it serve at once. Secrets it has already are kept.
 * Not `scripts.update()`: that loses the multipart boundary (https://github.com/cloudflare/cloudflare-typescript/issues/2799).
 */
export async function uploadWorker(
  { client, accountId }: Api,
  upload: ScriptUpload,
  options: { message?: string },
  signal: AbortSignal,
): Promise<UploadedScript> {
  const path = `/accounts/${accountId}/workers/scripts/${upload.name}?excludeScript=true&bindings_inherit=strict`;
  const { result } = await call(`deploy the Worker ${upload.name}`, signal, (signal) =>
    client.put<{ result: UploadResult }>(path, {
      body: uploadForm(upload, options.message),
      signal,
    }),
  );
  return {
    version: hyphened(result.deployment_id),
    etag: result.etag,
    startupTimeMs: result.startup_time_ms,
  };
}

/** A version's id, which this answer alone writes without hyphens. */
function hyphened(id: string | undefined): string | undefined {
  return id?.replace(/^(\w{8})(\w{4})(\w{4})(\w{4})(\w{12})$/, '$1-$2-$3-$4-$5');
}

interface UploadResult {
  deployment_id?: string;
  etag?: string;
  startup_time_ms?: number;
}

/** Deletes a Worker. */
export async function deleteWorker(
  { client, accountId }: Api,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  await call(`delete the Worker ${name}`, signal, (signal) =>
    client.workers.scripts.delete(name, { account_id: accountId }, { signal }),
  );
}

/** The bindings that the deployed Worker has now; none when it does not exist yet. Secret values are not told. */
export async function listBindings(
  { client, accountId }: Api,
  name: string,
  signal: AbortSignal,
): Promise<{ type: string; name: string; namespace_id?: string; bucket_name?: string }[]> {
  const path = `/accounts/${accountId}/workers/scripts/${name}/settings`;
  try {
    const { result } = await call(`read the settings of the Worker ${name}`, signal, (signal) =>
      client.get<{ result: { bindings?: { type: string; name: string }[] } }>(path, { signal }),
    );
    return result.bindings ?? [];
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'not-found') return [];
    throw error;
  }
}

/** The last deployments of a Worker, newest first. */
export async function listDeployments(
  { client, accountId }: Api,
  workerName: string,
  signal: AbortSignal,
): Promise<Deployment[]> {
  // Not `deployments.list()`, which looks for the page's items where Cloudflare does not put them.
  const path = `/accounts/${accountId}/workers/scripts/${workerName}/deployments`;
  const { result } = await call(`list the deployments of ${workerName}`, signal, (signal) =>
    client.get<{ result: { deployments?: SdkDeployment[] } }>(path, { signal }),
  );
  return (result.deployments ?? []).map((one) => ({
    id: one.id,
    workerName,
    createdOn: one.created_on,
    author: one.author_email,
    source: one.source,
    message: one.annotations?.['workers/message'],
    versions: one.versions.map((version) => ({
      versionId: version.version_id,
      percentage: version.percentage,
    })),
  }));
}

/** All Durable Object namespaces of the account. */
export async function listDurableObjectNamespaces(
  { client, accountId }: Api,
  signal: AbortSignal,
): Promise<DurableObjectNamespace[]> {
  const what = 'list the Durable Object namespaces';
  const path = `/accounts/${accountId}/workers/durable_objects/namespaces`;
  // Not the SDK's iteration, which asks for pages until an empty one comes.
  const found = await everyPage(NAMESPACES_PER_PAGE, what, async (page) => {
    const query = { page, per_page: NAMESPACES_PER_PAGE };
    const { result } = await call(what, signal, (signal) =>
      client.get<{ result: NamespaceAnswer[] }>(path, { query, signal }),
    );
    return result;
  });
  return found.map((one) => ({
    id: one.id ?? '',
    name: one.name,
    className: one.class,
    scriptName: one.script,
  }));
}

const NAMESPACES_PER_PAGE = 100;

interface NamespaceAnswer {
  id?: string;
  name?: string;
  class?: string;
  script?: string;
}

/** The account's workers.dev subdomain; undefined when none was chosen yet. */
export async function accountSubdomain(
  { client, accountId }: Api,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const result = await call('read the workers.dev subdomain', signal, (signal) =>
      client.workers.subdomains.get({ account_id: accountId }, { signal }),
    );
    return result?.subdomain || undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'not-found') return undefined;
    throw error;
  }
}

/** Whether a Worker is reachable on the account's workers.dev subdomain. */
export async function isOnSubdomain(
  { client, accountId }: Api,
  name: string,
  signal: AbortSignal,
): Promise<boolean> {
  const result = await call(`read where ${name} is reachable`, signal, (signal) =>
    client.workers.scripts.subdomain.get(name, { account_id: accountId }, { signal }),
  );
  return result.enabled;
}
