import * as cloudflare from '../../cloudflare/r2.js';
import type { ParsedParams, Result } from '../../protocol/index.js';
import type { CallContext, ServerServices } from '../context.js';
import { openApi } from './api.js';

export async function listR2Buckets(
  services: ServerServices,
  _params: ParsedParams<'dashboard.listR2Buckets'>,
  { signal }: CallContext,
): Promise<Result<'dashboard.listR2Buckets'>> {
  return cloudflare.listR2Buckets(await openApi(services, signal), signal);
}

export async function createR2Bucket(
  services: ServerServices,
  params: ParsedParams<'dashboard.createR2Bucket'>,
  { signal }: CallContext,
): Promise<Result<'dashboard.createR2Bucket'>> {
  return {
    success: true,
    bucket: await cloudflare.createR2Bucket(await openApi(services, signal), params, signal),
  };
}

export async function deleteR2Bucket(
  services: ServerServices,
  { name }: ParsedParams<'dashboard.deleteR2Bucket'>,
  { signal }: CallContext,
): Promise<Result<'dashboard.deleteR2Bucket'>> {
  await cloudflare.deleteR2Bucket(await openApi(services, signal), name, signal);
  return { success: true };
}
