export { proxy } from 'comlink';
export {
  type AccountInfo,
  type CallableMethod,
  type ErrorCode,
  type MethodName,
  type Params,
  type Result,
  SidecarError,
  type TailEndReason,
  type TraceEvent,
} from '../src/protocol/index.js';
export type { RemoteCallOptions, RemoteTailBatch, RemoteTailEnd } from '../worker/contract.js';
export type { CallOptions } from './call-options.js';
export {
  createR2Bucket,
  createTauriSidecar,
  deleteR2Bucket,
  deployWorker,
  getDashboardData,
  getSidecarState,
  initializeSidecar,
  isSidecarRunning,
  listR2Buckets,
  shutdownSidecar,
} from './default-sidecar.js';
export type { SidecarEvents } from './events.js';
export type { SidecarOptions } from './options.js';
export { RawResult } from './raw-result.js';
export type { RemoteSidecar, RemoteTail } from './remote.js';
export { TauriSidecar } from './sidecar.js';
export { SidecarState, type StateChange } from './state.js';
export { isTailGap, TailBatch, type TailGap } from './tail-batch.js';
export { TailStream } from './tail-stream.js';
