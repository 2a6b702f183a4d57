import type { NotificationParams, ParsedParams, WorkerBinding } from '../protocol/index.js';
import { SidecarError } from '../protocol/index.js';
import type { ProjectConfig } from './config.js';
import { cloudOnlyFields } from './config-settings.js';
import { type DevVars, devVars } from './dev-vars.js';
import { throwIfCancelled } from './esbuild-service.js';
import { inlineModules, invalid } from './inline-source.js';
import { kvIds } from './kv-ids.js';
import { type ProjectCode, projectCode } from './project-source.js';
import { checkSize } from './size-limits.js';
import type { WorkerUpload } from './upload.js';

type DeployParams = ParsedParams<'dashboard.deployWorker'>;

/** What a Worker gets that asks for no compatibility date: one that this version was tested with. */
export const DEFAULT_COMPATIBILITY_DATE = '2026-11-01';

export interface PrepareContext {
  /** The folder that relative paths in params start from. */
  cwd: string;
  signal: AbortSignal;
  progress(value: NotificationParams<'$/progress'>['value']): void;
}

export interface UploadContext extends PrepareContext {
  /** Which account the upload is for, asked when it matters: `.dev.vars` and `.env` are for the local one alone. */
  account(): Promise<'local' | 'cloud'>;
  /** The newest compatibility date that the local account's runtime knows; asked where that is in doubt. */
  newestDate?(): Promise<string>;
}

/**
 * Builds the upload that `dashboard.deployWorker` asks for, from `script`, from `modules`, or from a project folder.
 * What the params say wins over the project's configuration. Nothing is written, but by the project's own build command.
 * @throws SidecarError `invalid-params`, `config-not-found`, `config-invalid`, `build-failed`, `command-failed`,
 * `unsupported`, `limit-exceeded`, `file-error`, `cancelled`.
 */
export async function prepareUpload(params: DeployParams, context: UploadContext): Promise<WorkerUpload> {
  throwIfCancelled(context.signal);
  refuseDuplicates(params);
  const inline = inlineModules(params);
  const code = inline
    ? undefined
    : await projectCode(params, context, (config) => compatibility(params, config));
  const modules = inline ?? code?.modules ?? [];
  const secrets = await localSecrets(params, code, context);
  const configured = await configuredBindings(params, code, context);
  const sizeWarnings = await checkSize(modules);
  throwIfCancelled(context.signal);
  return {
    name: workerName(params, code),
    mainModule: modules[0]?.name ?? '',
    modules,
    bindings: mergedBindings(params, [...configured.bindings, ...secrets.bindings]),
    ...compatibility(params, code?.config),
    ...(code && { settings: code.config.settings }),
    warnings: [
      ...(code?.config.warnings ?? []),
      ...(code?.warnings ?? []),
      ...configured.warnings,
      ...secrets.warnings,
      ...(await settingsWarnings(code, context)),
      ...(await dateWarnings(params, code, context)),
      ...sizeWarnings,
    ],
  };
}

/** What is for Cloudflare alone, where the deploy goes elsewhere. */
async function settingsWarnings(
  code: ProjectCode | undefined,
  { account }: UploadContext,
): Promise<string[]> {
  const fields = cloudOnlyFields(code?.config.settings ?? {});
  if (fields.length === 0 || (await account()) === 'cloud') return [];
  return fields.map((name) => `${code?.config.path}: \`${name}\` is not applied on the local account.`);
}

function workerName(params: DeployParams, code: ProjectCode | undefined): string {
  const name = params.name ?? code?.config.name;
  if (name !== undefined) return name;
  const where = code?.config.path;
  throw new SidecarError('config-invalid', `The Worker has no name: ${where} gives none. Give \`name\`.`, {
    data: { file: where, field: 'name' },
  });
}

function compatibility(params: DeployParams, config?: ProjectConfig) {
  return {
    compatibilityDate: params.compatibilityDate ?? config?.compatibilityDate ?? DEFAULT_COMPATIBILITY_DATE,
    compatibilityFlags: params.compatibilityFlags ?? config?.compatibilityFlags ?? [],
  };
}

async function dateWarnings(
  params: DeployParams,
  code: ProjectCode | undefined,
  context: UploadContext,
): Promise<string[]> {
  const given = params.compatibilityDate ?? code?.config.compatibilityDate;
  if (given !== undefined) return futureDate(given, params.dryRun, context);
  if (!code) return [];
  return [
    `${code.config.path}: no \`compatibility_date\` is given; ${DEFAULT_COMPATIBILITY_DATE} was used. Give one so that the Worker keeps its behaviour.`,
  ];
}

/** A date that the Worker does not run with. */
async function futureDate(
  date: string,
  dryRun: boolean | undefined,
  { account, newestDate }: UploadContext,
): Promise<string[]> {
  // Up to this one every runtime that comes with this version knows them all.
  if (date <= DEFAULT_COMPATIBILITY_DATE) return [];
  const today = new Date().toISOString().slice(0, 10);
  const isPast = `The compatibility date ${date} is past today's (${today})`;
  if (dryRun) return date > today ? [`${isPast}: no account takes it as it is.`] : [];
  if ((await account()) === 'cloud')
    return date > today ? [`${isPast}: Cloudflare refuses such a date.`] : [];
  const known = (await newestDate?.()) ?? today;
  const newest = known < today ? known : today;
  if (date <= newest) return [];
  const why = date > today ? isPast : `The local runtime does not know the compatibility date ${date} yet`;
  return [`${why}: on the local account the Worker runs with ${newest}.`];
}

/** A dry run tells no bindings, and so needs no account. */
async function configuredBindings(
  { dryRun }: DeployParams,
  code: ProjectCode | undefined,
  { account }: UploadContext,
) {
  const bindings = code?.config.bindings ?? [];
  if (!code || dryRun) return { bindings, warnings: [] };
  return kvIds(code.config.path, bindings, account);
}

/** A dry run tells no bindings, and so it needs no account either. */
async function localSecrets(
  { dryRun }: DeployParams,
  code: ProjectCode | undefined,
  context: UploadContext,
): Promise<DevVars> {
  const none = { bindings: [], warnings: [] };
  if (!code || dryRun || (await context.account()) === 'cloud') return none;
  const { root, env, requiredSecrets } = code.config;
  return devVars(root, env, requiredSecrets);
}

/** By name, the later wins: the configuration's bindings, `.dev.vars`, then `bindings`, then `vars` of the params. */
function mergedBindings(params: DeployParams, configured: readonly WorkerBinding[]): WorkerBinding[] {
  const vars = Object.entries(params.vars ?? {}).map(
    ([name, text]): WorkerBinding => ({ type: 'plain_text', name, text }),
  );
  const byName = new Map<string, WorkerBinding>();
  for (const binding of [...configured, ...(params.bindings ?? []), ...vars])
    byName.set(binding.name, binding);
  return [...byName.values()];
}

function refuseDuplicates(params: DeployParams): void {
  const seen = new Set<string>(Object.keys(params.vars ?? {}));
  for (const [index, { name }] of (params.bindings ?? []).entries()) {
    if (seen.has(name)) throw invalid(`the binding \`${name}\` was given twice`, `bindings.${index}.name`);
    seen.add(name);
  }
}
