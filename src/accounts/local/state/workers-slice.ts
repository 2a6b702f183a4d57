import * as z from 'zod';
import type { ModuleType } from '../../../cloudflare/workers.js';
import type { WorkerBinding } from '../../../protocol/index.js';
import { lazy } from '../../../protocol/lazy.js';
import { workerName } from '../../../protocol/resources.js';
import type { StateSlice } from './slice.js';
import { uniqueBy } from './unique.js';

/** What the account knows of Workers. Contents of modules are files of the module store. */
export interface WorkersState {
  scripts: WorkerRecord[];
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

export const workersSlice: StateSlice<WorkersState> = {
  empty: () => ({ scripts: [] }),
  migrations: [],
  schema: lazy(() => z.object({ scripts: uniqueBy('name', script()) }) as unknown as z.ZodType<WorkersState>),
};

const script = () =>
  z.object({
    name: workerName(),
    tag: z.string(),
    createdOn: z.string(),
    modifiedOn: z.string(),
    lastVersionNumber: z.int().nonnegative(),
    versions: z.array(version()),
    deployments: z.array(deployment()),
    settings: z.object({ logpush: z.boolean(), tags: z.array(z.string()) }),
  });

const version = () =>
  z.object({
    id: z.string(),
    number: z.int().positive(),
    createdOn: z.string(),
    etag: z.string(),
    mainModule: z.string(),
    modules: z.array(module()),
    bindings: z.array(binding()),
    compatibilityDate: z.string(),
    compatibilityFlags: z.array(z.string()),
    ...about(),
    tag: z.string().optional(),
  });

const deployment = () =>
  z.object({ id: z.string(), versionId: z.string(), createdOn: z.string(), ...about() });

const about = () => ({
  message: z.string().optional(),
  source: z.enum(['api', 'wrangler']).optional(),
  triggeredBy: z.string().optional(),
});

const MODULE_TYPES: Readonly<Record<ModuleType, true>> = {
  esm: true,
  commonjs: true,
  text: true,
  json: true,
  data: true,
  wasm: true,
  sourcemap: true,
};

const module = () =>
  z.object({
    name: z.string(),
    type: z.enum(Object.keys(MODULE_TYPES) as ModuleType[]),
    // Nothing but the name of a file in the folder of modules.
    sha256: z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 has 64 hexadecimal digits'),
    size: z.int().nonnegative(),
  });

/** What the runtime's configuration is made of; the rest of a binding is kept as it was uploaded. */
const binding = () => {
  const name = z.string();
  return z.discriminatedUnion('type', [
    z.object({ type: z.enum(['plain_text', 'secret_text']), name, text: z.string() }),
    z.object({ type: z.literal('json'), name }),
    z.object({ type: z.literal('kv_namespace'), name, namespace_id: z.string() }),
    z.object({ type: z.literal('r2_bucket'), name, bucket_name: z.string() }),
    z.object({
      type: z.literal('service'),
      name,
      service: z.string(),
      entrypoint: z.string().optional(),
    }),
  ]);
};
