import type { NotificationParams } from '../src/protocol/index.js';
import type { StateChange } from './state.js';

/** The events of a sidecar, each with its listener's arguments. */
export interface SidecarEvents {
  /** The state RUNNING was reached. */
  started: [];
  /** The state STOPPED was reached. */
  stopped: [];
  'state-change': [change: StateChange];
  /** What ends in the state ERROR, or failed in the background with no call to reject. */
  error: [error: Error];
  /** The CLI has ended, asked for or not. */
  'process-exit': [status: { code: number | null; signal: string | null }];
  /** The CLI could not be spawned. */
  'process-error': [error: Error];
  /** The handshake is complete. */
  'ipc-connected': [];
  /** The connection is gone. */
  'ipc-disconnected': [];
  /** A message broke the protocol, or the handshake failed. */
  'ipc-error': [error: Error];
  /** One attempt to restart failed. */
  'restart-failed': [error: Error];
  /** Restarts are used up; the number that were tried. */
  'max-restarts-reached': [count: number];
  /** A batch of a tail that `call('dashboard.tailLogs')` opened. */
  tail: [batch: NotificationParams<'tail/batch'>];
  /** Such a tail has ended. */
  'tail-end': [end: NotificationParams<'tail/end'>];
}
