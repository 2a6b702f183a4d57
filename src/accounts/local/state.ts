import type { ModuleType } from '../../cloudflare/workers.js';
import type { WorkerBinding } from '../../protocol/index.js';

/**
 * Everything the local account knows but KV values and R2 objects, which the runtime's storage holds, and
 * module contents, which are files of the {@link ModuleStore}. Lists, not objects keyed by name: a Worker may be
 * called `__proto__`.
 */
export interface LocalState {
  /** ISO 8601. */
  createdOn: string;
  workers: WorkerRecord[];
  kvNamespaces: { id: string; title: string; createdOn: string }[];
  r2Buckets: { name: string; createdOn: string; location?: string; storageClass: string }[];
}

export interface WorkerRecord {
  name: string;
  /** Cloudflare's `tag`: stays the same over redeploys. */
  tag: string;
  createdOn: string;
  modifiedOn: string;
  /** How many versions there ever were. */
  lastVersionNumber: number;
  /** Newest first; the last ones only. */
  versions: VersionRecord[];
  /** Newest first; the first one serves. */
  deployments: DeploymentRecord[];
  /** Of Cloudflare's script settings, kept and given back, without effect here. */
  settings: { logpush: boolean; tags: string[]; observability?: unknown };
}

export interface VersionRecord {
  id: string;
  number: number;
  createdOn: string;
  etag: string;
  mainModule: string;
  modules: ModuleRecord[];
  bindings: WorkerBinding[];
  compatibilityDate: string;
  compatibilityFlags: string[];
  message?: string;
  tag?: string;
  /** Which kind of client made it, as Cloudflare calls them. Older records have none. */
  source?: ClientKind;
  /** What made it, as Cloudflare's annotation `workers/triggered_by` has it. */
  triggeredBy?: string;
}

export type ClientKind = 'api' | 'wrangler';

export interface ModuleRecord {
  name: string;
  type: ModuleType;
  /** SHA-256 of the content, in hexadecimal: its file's name. */
  sha256: string;
  /** Bytes. */
  size: number;
}

export interface DeploymentRecord {
  id: string;
  versionId: string;
  createdOn: string;
  message?: string;
  source?: ClientKind;
  triggeredBy?: string;
}

/** How many versions and deployments of a Worker are kept, as Cloudflare lists ten. */
export const KEPT_VERSIONS = 10;

export function emptyState(): LocalState {
  return { createdOn: new Date().toISOString(), workers: [], kvNamespaces: [], r2Buckets: [] };
}

/** The version that serves; undefined while a Worker has versions but none was deployed yet. */
export function activeVersion(worker: WorkerRecord): VersionRecord | undefined {
  const active = worker.deployments[0]?.versionId;
  return worker.versions.find((version) => version.id === active);
}
