import type { LocalRuntime } from '../runtime.js';
import { WorkerdRuntime, type WorkerdRuntimeOptions } from './workerd-runtime.js';

export { findWorkerd, type WorkerdBinary } from './binary.js';
export type { WorkerdRuntimeOptions } from './workerd-runtime.js';

/** The workerd processes of one local account. Nothing runs before it is needed. */
export function createWorkerdRuntime(options: WorkerdRuntimeOptions): LocalRuntime {
  return new WorkerdRuntime(options);
}
