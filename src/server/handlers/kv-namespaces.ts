import * as cloudflare from '../../cloudflare/kv.js';
import type { ParsedParams, Result } from '../../protocol/index.js';
import type { CallContext, ServerServices } from '../context.js';
import { openApi } from './api.js';

export async function listKvNamespaces(
  services: ServerServices,
  _params: ParsedParams<'dashboard.listKvNamespaces'>,
  { signal }: CallContext,
): Promise<Result<'dashboard.listKvNamespaces'>> {
  return cloudflare.listKvNamespaces(await openApi(services, signal), signal);
}

export async function createKvNamespace(
  services: ServerServices,
  { title }: ParsedParams<'dashboard.createKvNamespace'>,
  { signal }: CallContext,
): Promise<Result<'dashboard.createKvNamespace'>> {
  return {
    success: true,
    namespace: await cloudflare.createKvNamespace(await openApi(services, signal), title, signal),
  };
}

export async function deleteKvNamespace(
  services: ServerServices,
  { id }: ParsedParams<'dashboard.deleteKvNamespace'>,
  { signal }: CallContext,
): Promise<Result<'dashboard.deleteKvNamespace'>> {
  await cloudflare.deleteKvNamespace(await openApi(services, signal), id, signal);
  return { success: true };
}
