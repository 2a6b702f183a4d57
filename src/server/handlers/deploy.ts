import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Account } from '../../accounts/account.js';
import type { WorkerUpload } from '../../project/upload.js';
import type { ParsedParams, Result } from '../../protocol/index.js';
import type { CallContext, ServerServices } from '../context.js';

type DeployResult = Result<'dashboard.deployWorker'>;

/** Builds a Worker, and unless it is a dry run provisions what its bindings need and uploads it. */
export async function deployWorker(
  services: ServerServices,
  params: ParsedParams<'dashboard.deployWorker'>,
  context: CallContext,
): Promise<DeployResult> {
  const { signal, progress } = context;
  const { prepareUpload } = await import('../../project/prepare-upload.js');
  const upload = await prepareUpload(params, {
    cwd: services.cwd,
    account: async () => (await services.account()).info.kind,
    signal,
    progress: (value) => progress(value),
  });
  const built = { success: true as const, name: upload.name, ...(await sizes(upload)) };
  if (params.dryRun) {
    const message = `${upload.name} was built (${built.size} bytes, ${built.gzipSize} gzipped). Nothing was deployed: this was a dry run.`;
    return { ...built, message, dryRun: true, warnings: upload.warnings, notes: [] };
  }
  const deployed = await deployTo(await services.account(), upload, params.message, context);
  return { ...built, ...deployed, dryRun: false };
}

async function deployTo(
  account: Account,
  upload: WorkerUpload,
  message: string | undefined,
  { signal, progress }: CallContext,
) {
  const { uploadWorker } = await import('../../cloudflare/workers.js');
  const { provision } = await import('./provision.js');
  const api = { client: await account.client(), accountId: account.info.id };
  progress({ message: 'Preparing bindings' });
  const { bindings, notes } = await provision(api, account.info.kind, upload, signal);
  progress({ message: `Uploading ${upload.name}` });
  const uploaded = await uploadWorker(api, { ...upload, bindings }, { message }, signal);
  const published = account.info.kind === 'cloud' ? await publish(account, upload.name, signal) : {};
  return {
    ...uploaded,
    ...(published.url && { url: published.url }),
    message: `${upload.name} was deployed to ${accountName(account)}.`,
    warnings: [...upload.warnings, ...(published.warning ? [published.warning] : [])],
    notes,
  };
}

function accountName({ info }: Account): string {
  return info.kind === 'local' ? 'the local account' : `the Cloudflare account ${info.name}`;
}

/** Switches workers.dev on. The Worker is deployed already, so that a failure here is a warning. */
async function publish(
  account: Account,
  name: string,
  signal: AbortSignal,
): Promise<{ url?: string; warning?: string }> {
  const { accountSubdomain, enableSubdomain } = await import('../../cloudflare/workers.js');
  const api = { client: await account.client(), accountId: account.info.id };
  try {
    const subdomain = await accountSubdomain(api, signal);
    if (!subdomain) return { warning: 'The account has no workers.dev subdomain: the Worker has no URL.' };
    await enableSubdomain(api, name, signal);
    return { url: `https://${name}.${subdomain}.workers.dev` };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { warning: `The Worker was deployed, but it may not be reachable on workers.dev: ${why}` };
  }
}

/** Without source maps, which Cloudflare does not count either. */
async function sizes({ modules }: WorkerUpload): Promise<{ size: number; gzipSize: number }> {
  const counted = modules.filter(({ type }) => type !== 'sourcemap');
  const all = Buffer.concat(counted.map(({ content }) => content));
  return { size: all.byteLength, gzipSize: (await promisify(gzip)(all)).byteLength };
}
