import type { Deployment } from 'cloudflare/resources/workers/scripts/deployments';
import type { ScriptAndVersionSettingGetResponse } from 'cloudflare/resources/workers/scripts/script-and-version-settings';
import type { ScriptListResponse, ScriptSetting } from 'cloudflare/resources/workers/scripts/scripts';
import type { SecretListResponse } from 'cloudflare/resources/workers/scripts/secrets';
import type { VersionGetResponse, VersionListResponse } from 'cloudflare/resources/workers/scripts/versions';
import type { WorkerBinding } from '../../../protocol/index.js';
import { LOCAL_ACCOUNT_ID, LOCAL_USER_EMAIL } from '../identity.js';
import { activeVersion, type DeploymentRecord, type VersionRecord, type WorkerRecord } from '../state.js';

// Workers as API v4 describes them. The types are the official SDK's, so that an answer that is not Cloudflare's does
// not compile; where Cloudflare sends more than the SDK knows, and wrangler reads it, the type says what.

/** A Worker of the list, and what an upload answers. */
export function describeScript(worker: WorkerRecord): ScriptListResponse {
  const version = activeVersion(worker);
  return {
    id: worker.name,
    tag: worker.tag,
    tags: worker.settings.tags,
    etag: version?.etag,
    created_on: worker.createdOn,
    modified_on: worker.modifiedOn,
    compatibility_date: version?.compatibilityDate,
    compatibility_flags: version?.compatibilityFlags,
    logpush: worker.settings.logpush,
    usage_model: 'standard',
    has_assets: false,
    has_modules: true,
    last_deployed_from: version?.source ?? 'api',
  };
}

/** A Worker as the older API of services has it, which wrangler asks before it deploys. The SDK does not know it. */
export function describeService(worker: WorkerRecord) {
  const { createdOn: created_on, modifiedOn: modified_on } = worker;
  const environment = {
    environment: 'production',
    created_on,
    modified_on,
    script: describeScript(worker),
  };
  return {
    id: worker.name,
    created_on,
    modified_on,
    default_environment: environment,
    environments: [environment],
  };
}

/** The settings of a Worker and of the version that serves. */
export function describeSettings(worker: WorkerRecord): ScriptAndVersionSettingGetResponse {
  const version = activeVersion(worker);
  return {
    ...(describeScriptSettings(worker) as Pick<
      ScriptAndVersionSettingGetResponse,
      'logpush' | 'observability' | 'tags' | 'tail_consumers'
    >),
    bindings: describeBindings(version?.bindings ?? []),
    compatibility_date: version?.compatibilityDate,
    compatibility_flags: version?.compatibilityFlags ?? [],
    usage_model: 'standard',
  };
}

/** The settings that all versions of a Worker share. */
export function describeScriptSettings({ settings }: WorkerRecord): ScriptSetting {
  const observability = (settings.observability ?? null) as ScriptSetting['observability'];
  return { logpush: settings.logpush, tags: settings.tags, tail_consumers: null, observability };
}

type SdkBinding = NonNullable<ScriptAndVersionSettingGetResponse['bindings']>[number];

/** Bindings as Cloudflare tells them. */
export function describeBindings(bindings: readonly WorkerBinding[]): SdkBinding[] {
  return bindings.map(describeBinding);
}

/** Never a secret's value. */
function describeBinding(binding: WorkerBinding): SdkBinding {
  if (binding.type === 'secret_text') return { type: binding.type, name: binding.name };
  if (binding.type === 'kv_namespace') return { ...binding, namespace_id: binding.namespace_id ?? '' };
  if (binding.type === 'r2_bucket')
    return { type: binding.type, name: binding.name, bucket_name: binding.bucket_name ?? '' };
  if (binding.type === 'json') return { type: binding.type, name: binding.name, json: binding.json };
  return { ...binding };
}

/** A secret; its value is never told. */
export function describeSecrets(worker: WorkerRecord): SecretListResponse[] {
  const bindings = activeVersion(worker)?.bindings ?? [];
  return bindings.flatMap(({ name, type }) => (type === 'secret_text' ? [{ name, type }] : []));
}

export function describeDeployment(deployment: DeploymentRecord): Deployment {
  return {
    id: deployment.id,
    source: deployment.source ?? 'api',
    strategy: 'percentage',
    author_email: LOCAL_USER_EMAIL,
    annotations: {
      'workers/triggered_by': deployment.triggeredBy ?? 'upload',
      ...(deployment.message !== undefined && { 'workers/message': deployment.message }),
    },
    versions: [{ version_id: deployment.versionId, percentage: 100 }],
    created_on: deployment.createdOn,
  };
}

/** What the SDK's types leave out of a version. */
interface VersionExtras {
  annotations: Record<string, string>;
}

export function describeVersion(version: VersionRecord): VersionListResponse & VersionExtras {
  return {
    id: version.id,
    number: version.number,
    metadata: {
      created_on: version.createdOn,
      modified_on: version.createdOn,
      source: version.source ?? 'api',
      author_id: LOCAL_ACCOUNT_ID,
      author_email: LOCAL_USER_EMAIL,
      hasPreview: false,
    },
    annotations: {
      'workers/triggered_by': version.triggeredBy ?? 'upload',
      ...(version.message !== undefined && { 'workers/message': version.message }),
      ...(version.tag !== undefined && { 'workers/tag': version.tag }),
    },
  };
}

/** A version with its bindings. Which handlers a script has is not known before it runs, so that it is left out. */
export function describeWholeVersion(version: VersionRecord): VersionGetResponse & VersionExtras {
  return {
    ...describeVersion(version),
    resources: {
      bindings: describeBindings(version.bindings),
      script: { etag: version.etag, last_deployed_from: version.source ?? 'api' },
      script_runtime: {
        compatibility_date: version.compatibilityDate,
        compatibility_flags: version.compatibilityFlags,
        usage_model: 'standard',
      },
    },
  };
}
