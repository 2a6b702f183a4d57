import * as cloudflare from '../../cloudflare/workers.js';
import type { ParsedParams, Result } from '../../protocol/index.js';
import type { CallContext, ServerServices } from '../context.js';
import { openApi } from './api.js';

export async function listWorkers(
  services: ServerServices,
  _params: ParsedParams<'dashboard.listWorkers'>,
  { signal }: CallContext,
): Promise<Result<'dashboard.listWorkers'>> {
  return cloudflare.listWorkers(await openApi(services, signal), signal);
}

export async function deleteWorker(
  services: ServerServices,
  { name }: ParsedParams<'dashboard.deleteWorker'>,
  { signal }: CallContext,
): Promise<Result<'dashboard.deleteWorker'>> {
  await cloudflare.deleteWorker(await openApi(services, signal), name, signal);
  return { success: true };
}
