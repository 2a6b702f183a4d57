export type { MethodDefinition } from './define-method.js';
export {
  isDeeperThan,
  isTextDeeperThan,
  MAX_BODY_DEPTH,
  MAX_DEPTH,
  MAX_METADATA_DEPTH,
} from './depth.js';
export { ERRORS, type ErrorCode } from './error-table.js';
export { type ErrorData, fileError, SidecarError, type WireError } from './errors.js';
export { initializedParams } from './handshake.js';
export {
  type CallableMethod,
  callableMethodNames,
  isMethodName,
  type MethodName,
  type Methods,
  methods,
  type Params,
  type ParsedParams,
  type Result,
} from './methods.js';
export {
  type NotificationName,
  type NotificationParams,
  type Notifications,
  notifications,
  type TailEndReason,
} from './notifications.js';
export { parseParams, parseResult } from './parse.js';
export { Redactor, secretsOfEnvironment, secretsOfParams } from './redact.js';
export type * from './resources.js';
export { DEFAULT_MAX_BODY_BYTES, PROTOCOL_VERSION } from './version.js';
