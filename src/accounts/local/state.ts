import { newState, type Slices, type StateOf } from './state/format.js';
import { type KvState, kvSlice } from './state/kv-slice.js';
import { type R2State, r2Slice } from './state/r2-slice.js';
import {
  type VersionRecord,
  type WorkerRecord,
  type WorkersState,
  workersSlice,
} from './state/workers-slice.js';

export type {
  ClientKind,
  DeploymentRecord,
  ModuleRecord,
  VersionRecord,
  WorkerRecord,
} from './state/workers-slice.js';

/** The parts of the state, one a product. */
interface Parts {
  workers: WorkersState;
  kv: KvState;
  r2: R2State;
}

/** One word a product: a missing one does not compile. The words stand in the file. */
export const SLICES: Slices<Parts> = { workers: workersSlice, kv: kvSlice, r2: r2Slice };

/**
 * Everything the local account knows but KV values and R2 objects, which the runtime's storage holds, and
 * module contents, which are files of the module store. Lists, not objects keyed by name: a Worker may be
 * called `__proto__`.
 */
export type LocalState = StateOf<Parts>;

/** How many versions and deployments of a Worker are kept, as Cloudflare lists ten. */
export const KEPT_VERSIONS = 10;

export function emptyState(): LocalState {
  return newState(SLICES);
}

/** The version that serves; undefined while a Worker has versions but none was deployed yet. */
export function activeVersion(worker: WorkerRecord): VersionRecord | undefined {
  const active = worker.deployments[0]?.versionId;
  return worker.versions.find((version) => version.id === active);
}
