import { SidecarError } from '../../../protocol/index.js';
import type { LocalRuntime } from '../runtime.js';
import { WorkerdRuntime, type WorkerdRuntimeOptions } from './workerd-runtime.js';

export { findWorkerd, type WorkerdBinary } from './binary.js';
export type { WorkerdRuntimeOptions } from './workerd-runtime.js';

/**
 * The workerd processes of one local account. Nothing runs before it is needed. What `options` leave open,
 * `FLUORITE_FLAKE_RESPONSE_TIMEOUT_MS` may say.
 * @throws SidecarError `invalid-option`
 */
export function createWorkerdRuntime(options: WorkerdRuntimeOptions): LocalRuntime {
  return new WorkerdRuntime({ responseTimeoutMs: responseTimeoutMs(), ...options });
}

function responseTimeoutMs(): number | undefined {
  const text = process.env.FLUORITE_FLAKE_RESPONSE_TIMEOUT_MS;
  if (text === undefined || text === '') return undefined;
  // A longer one does not fit Node's timers.
  if (/^[1-9]\d*$/.test(text) && Number(text) < 2 ** 31) return Number(text);
  throw new SidecarError(
    'invalid-option',
    `FLUORITE_FLAKE_RESPONSE_TIMEOUT_MS takes a whole number of milliseconds, not ${JSON.stringify(text)}.`,
  );
}
