import { SidecarError } from '../protocol/index.js';
import type { Api } from './client.js';
import { call } from './errors.js';
import { isServiceWorker } from './service-worker.js';
import { type ScriptUpload, uploadForm } from './upload-form.js';
import { accountSubdomain, type UploadedScript, uploadWorker } from './workers.js';

export interface DeployedScript extends UploadedScript {
  /** Where it answers, when it is on workers.dev. */
  url?: string;
  /** What did not succeed beside the deploy itself, one sentence each. */
  warnings: string[];
}

/**
 * Deploys to Cloudflare as wrangler does: the first time with one upload, then as a new version with a deployment of
 * its own, and afterwards what does not belong to a version: settings, workers.dev, cron triggers. When one of those
 * fails the Worker is deployed all the same, and it is a warning.
 */
export async function deployWorker(
  api: Api,
  upload: ScriptUpload,
  options: { message?: string },
  signal: AbortSignal,
): Promise<DeployedScript> {
  const known = await findWorker(api, upload.name, signal);
  // A service worker has no versions.
  const isVersioned = known !== undefined && !isServiceWorker(upload);
  const uploaded = isVersioned
    ? await deployVersion(api, upload, options.message, signal)
    : await uploadWorker(api, upload, options, signal);
  const job = new AfterDeploy(api, upload, signal);
  if (isVersioned) await job.settings(known.tags);
  const url = await job.subdomain();
  await job.schedules();
  return { ...uploaded, ...(url && { url }), warnings: job.warnings };
}

/** What Cloudflare knows of a Worker; undefined when there is none of that name. */
async function findWorker(
  { client, accountId }: Api,
  name: string,
  signal: AbortSignal,
): Promise<{ tags: string[] } | undefined> {
  interface Service {
    result: { default_environment?: { script?: { tags?: string[] | null } } };
  }
  try {
    const { result } = await call(`look for the Worker ${name}`, signal, (signal) =>
      client.get<Service>(`/accounts/${accountId}/workers/services/${name}`, { signal }),
    );
    return { tags: result.default_environment?.script?.tags ?? [] };
  } catch (error) {
    if (error instanceof SidecarError && error.code === 'not-found') return undefined;
    throw error;
  }
}

interface VersionAnswer {
  result: { id: string; startup_time_ms?: number; resources?: { script?: { etag?: string } } };
}

async function deployVersion(
  { client, accountId }: Api,
  upload: ScriptUpload,
  message: string | undefined,
  signal: AbortSignal,
): Promise<UploadedScript> {
  const path = `/accounts/${accountId}/workers/scripts/${upload.name}`;
  const { result } = await call(`upload a version of the Worker ${upload.name}`, signal, (signal) =>
    client.post<VersionAnswer>(`${path}/versions?bindings_inherit=strict`, {
      body: uploadForm(upload, message),
      signal,
    }),
  );
  const body = {
    strategy: 'percentage',
    versions: [{ version_id: result.id, percentage: 100 }],
    annotations: { 'workers/message': message },
  };
  try {
    await call(`deploy the Worker ${upload.name}`, signal, (signal) =>
      client.post(`${path}/deployments`, { body, signal }),
    );
  } catch (error) {
    throw notDeployed(error, result.id);
  }
  const { resources, startup_time_ms: startupTimeMs } = result;
  return { version: result.id, etag: resources?.script?.etag, startupTimeMs };
}

function notDeployed(error: unknown, version: string): SidecarError {
  const { code, message, data } = SidecarError.from(error);
  const text = `${message} Its version ${version} was uploaded, and the one before goes on serving.`;
  return new SidecarError(code, text, { data: { ...data, version }, cause: error });
}

/** The part of a deploy that comes when the code already serves. */
class AfterDeploy {
  readonly warnings: string[] = [];
  readonly #path: string;

  constructor(
    private readonly api: Api,
    private readonly upload: ScriptUpload,
    private readonly signal: AbortSignal,
  ) {
    this.#path = `/accounts/${api.accountId}/workers/scripts/${upload.name}`;
  }

  /** What an upload of a version does not carry. As wrangler has it, no `observability` switches it off. */
  async settings(tags: readonly string[]): Promise<void> {
    const { tailConsumers, logpush, observability } = this.upload.settings ?? {};
    const body = {
      tail_consumers: tailConsumers,
      logpush,
      observability: observability ?? { enabled: false },
      tags,
    };
    await this.#try('its settings could not be written', async () => {
      await this.#call('write the settings', (signal) =>
        this.api.client.patch(`${this.#path}/script-settings`, { body, signal }),
      );
    });
  }

  /** @returns the URL on workers.dev */
  subdomain(): Promise<string | undefined> {
    const { workersDev = true, previewUrls } = this.upload.settings ?? {};
    return this.#try('it may not be reachable on workers.dev', async () => {
      const subdomain = workersDev ? await accountSubdomain(this.api, this.signal) : undefined;
      if (workersDev && !subdomain) {
        this.warnings.push('The account has no workers.dev subdomain: the Worker has no URL.');
        return undefined;
      }
      await this.#call('set workers.dev', (signal) =>
        this.api.client.post(`${this.#path}/subdomain`, {
          body: { enabled: workersDev, previews_enabled: previewUrls },
          // From this version of that call on a missing `previews_enabled` leaves it to Cloudflare.
          headers: { 'Cloudflare-Workers-Script-Api-Date': '2025-08-01' },
          signal,
        }),
      );
      return subdomain && `https://${this.upload.name}.${subdomain}.workers.dev`;
    });
  }

  async schedules(): Promise<void> {
    const { crons } = this.upload.settings ?? {};
    if (!crons) return;
    await this.#try('its cron triggers could not be set', async () => {
      await this.#call('set the cron triggers', (signal) =>
        this.api.client.put(`${this.#path}/schedules`, { body: crons.map((cron) => ({ cron })), signal }),
      );
    });
  }

  #call<T>(what: string, run: (signal: AbortSignal) => PromiseLike<T>): Promise<T> {
    return call(`${what} of the Worker ${this.upload.name}`, this.signal, run);
  }

  async #try<T>(consequence: string, run: () => Promise<T>): Promise<T | undefined> {
    try {
      return await run();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.warnings.push(`The Worker was deployed, but ${consequence}: ${why}`);
      return undefined;
    }
  }
}
