import type { Call } from '../router.js';
import type { LocalServices } from '../services.js';
import type { WorkerRecord } from '../state.js';

/** The Worker that a path names as `:script`. @throws ApiError 404 as Cloudflare answers it. */
export function calledWorker({ params }: Call, services: LocalServices): WorkerRecord {
  return services.worker(params.script ?? '');
}
