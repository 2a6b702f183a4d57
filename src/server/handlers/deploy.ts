import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Account } from '../../accounts/account.js';
import type { WorkerUpload } from '../../project/upload.js';
import { type ParsedParams, type Result, secretsOfParams } from '../../protocol/index.js';
import type { CallContext, ServerServices } from '../context.js';
import { apiOf } from './api.js';

type DeployResult = Result<'dashboard.deployWorker'>;

/** Builds a Worker, and unless it is a dry run provisions what its bindings need and uploads it. */
export async function deployWorker(
  services: ServerServices,
  params: ParsedParams<'dashboard.deployWorker'>,
  context: CallContext,
): Promise<DeployResult> {
  const { signal, progress } = context;
  await checkFolder(services, params);
  const { prepareUpload } = await import('../../project/prepare-upload.js');
  const upload = await prepareUpload(params, {
    cwd: services.cwd,
    account: async () => (await services.account()).info.kind,
    async newestDate() {
      const { findWorkerd } = await import('../../accounts/local/workerd/binary.js');
      return (await findWorkerd()).compatibilityDate;
    },
    signal,
    progress,
  });
  // Those of `.dev.vars` among them. A Worker that throws one at its start would have it in the error and in the log.
  services.redactor.learnPassing(secretsOfParams(upload));
  const built = { success: true as const, name: upload.name, ...(await sizes(upload)) };
  if (params.dryRun) {
    const message = `${upload.name} was built (${built.size} bytes, ${built.gzipSize} gzipped). Nothing was deployed: this was a dry run.`;
    return { ...built, message, dryRun: true, warnings: upload.warnings, notes: [] };
  }
  const deployed = await deployTo(await services.account(), upload, params.message, context);
  return { ...built, ...deployed, dryRun: false };
}

/** A project of another folder may be another identity's: nothing is built for the wrong one. */
async function checkFolder(
  services: ServerServices,
  { cwd = '.', config, dryRun }: ParsedParams<'dashboard.deployWorker'>,
): Promise<void> {
  if (dryRun) return;
  // As with wrangler, a configuration that is named decides it.
  const folder = resolve(services.cwd, cwd, config === undefined ? '.' : dirname(config));
  if (folder !== resolve(services.cwd)) await (await services.account()).checkFolder?.(folder);
}

async function deployTo(
  account: Account,
  upload: WorkerUpload,
  message: string | undefined,
  { signal, progress }: CallContext,
) {
  const { provision } = await import('./provision.js');
  const api = await apiOf(account, signal);
  progress({ message: 'Preparing bindings' });
  const { bindings, notes } = await provision(api, account.info.kind, upload, signal);
  progress({ message: `Uploading ${upload.name}` });
  const deploy = await deployerOf(account);
  const { warnings, ...deployed } = await deploy(api, { ...upload, bindings }, { message }, signal);
  return {
    ...deployed,
    message: `${upload.name} was deployed to ${accountName(account)}.`,
    warnings: [...upload.warnings, ...warnings],
    notes,
  };
}

/** Cloudflare's way of several requests; the local account takes a deploy in one. */
async function deployerOf({
  info,
}: Account): Promise<typeof import('../../cloudflare/deploy.js').deployWorker> {
  if (info.kind === 'cloud') return (await import('../../cloudflare/deploy.js')).deployWorker;
  const { uploadWorker } = await import('../../cloudflare/workers.js');
  return async (...upload) => ({ ...(await uploadWorker(...upload)), warnings: [] });
}

function accountName({ info }: Account): string {
  return info.kind === 'local' ? 'the local account' : `the Cloudflare account ${info.name}`;
}

/** Without source maps, which Cloudflare does not count either. */
async function sizes({ modules }: WorkerUpload): Promise<{ size: number; gzipSize: number }> {
  const counted = modules.filter(({ type }) => type !== 'sourcemap');
  const all = Buffer.concat(counted.map(({ content }) => content));
  return { size: all.byteLength, gzipSize: (await promisify(gzip)(all)).byteLength };
}
