import type { Params, Result } from '../src/protocol/index.js';
import { SidecarError } from '../src/protocol/index.js';
import type { SidecarOptions } from './options.js';
import { TauriSidecar } from './sidecar.js';
import { SidecarState } from './state.js';

/** The one sidecar that the helpers below speak to. */
let defaultSidecar: TauriSidecar | undefined;

/** A sidecar of its own, not started. The helpers do not know of it. */
export function createTauriSidecar(options: SidecarOptions = {}): TauriSidecar {
  return new TauriSidecar(options);
}

/**
 * Creates and starts the default sidecar, and returns it. When it runs already, that one is returned and `options` must be absent.
 * @throws SidecarError `invalid-option`, `start-failed`
 */
export async function initializeSidecar(options?: SidecarOptions): Promise<TauriSidecar> {
  const isUsed = defaultSidecar !== undefined && !isEnded(defaultSidecar);
  if (isUsed && options !== undefined) {
    throw new SidecarError(
      'invalid-option',
      'The default sidecar runs already; `await shutdownSidecar()` before giving it other options.',
    );
  }
  if (!isUsed) defaultSidecar = new TauriSidecar(options ?? {});
  const sidecar = defaultSidecar as TauriSidecar;
  await sidecar.start();
  return sidecar;
}

/** Stops the default sidecar. Does nothing when there is none. */
export async function shutdownSidecar(): Promise<void> {
  const sidecar = defaultSidecar;
  await sidecar?.stop();
  if (defaultSidecar === sidecar) defaultSidecar = undefined;
}

/** The state of the default sidecar: IDLE when there is none. */
export function getSidecarState(): SidecarState {
  return defaultSidecar?.getState() ?? SidecarState.IDLE;
}

export function isSidecarRunning(): boolean {
  return defaultSidecar?.isRunning() ?? false;
}

export function getDashboardData(): Promise<Result<'dashboard.getData'>> {
  return started().then((sidecar) => sidecar.call('dashboard.getData'));
}

export function deployWorker(
  params: Params<'dashboard.deployWorker'> = {},
): Promise<Result<'dashboard.deployWorker'>> {
  return started().then((sidecar) => sidecar.call('dashboard.deployWorker', params));
}

export function listR2Buckets(): Promise<Result<'dashboard.listR2Buckets'>> {
  return started().then((sidecar) => sidecar.call('dashboard.listR2Buckets'));
}

/** @param bucket the name, or the params of `dashboard.createR2Bucket` */
export function createR2Bucket(
  bucket: string | Params<'dashboard.createR2Bucket'>,
): Promise<Result<'dashboard.createR2Bucket'>> {
  return started().then((sidecar) => sidecar.call('dashboard.createR2Bucket', named(bucket)));
}

/** @param bucket the name, or the params of `dashboard.deleteR2Bucket` */
export function deleteR2Bucket(
  bucket: string | Params<'dashboard.deleteR2Bucket'>,
): Promise<Result<'dashboard.deleteR2Bucket'>> {
  return started().then((sidecar) => sidecar.call('dashboard.deleteR2Bucket', named(bucket)));
}

function named<T extends { name: string }>(bucket: string | T): T | { name: string } {
  return typeof bucket === 'string' ? { name: bucket } : bucket;
}

function isEnded(sidecar: TauriSidecar): boolean {
  return [SidecarState.STOPPED, SidecarState.ERROR].includes(sidecar.getState());
}

async function started(): Promise<TauriSidecar> {
  if (defaultSidecar !== undefined) return defaultSidecar;
  throw new SidecarError('not-running', 'There is no sidecar; call `await initializeSidecar()` first.');
}
