import * as cloudflare from '../../cloudflare/r2.js';
import { type ParsedParams, type Result, SidecarError } from '../../protocol/index.js';
import type { CallContext, ServerServices } from '../context.js';
import { openApi } from './api.js';
import { fileBody, writeBody } from './files.js';
import { decodeInline, readInline } from './inline.js';

export async function listObjects(
  services: ServerServices,
  { bucket, ...query }: ParsedParams<'r2.listObjects'>,
  { signal }: CallContext,
): Promise<Result<'r2.listObjects'>> {
  return cloudflare.listObjects(await openApi(services, signal), bucket, query, signal);
}

export async function getObject(
  services: ServerServices,
  { bucket, key, path }: ParsedParams<'r2.getObject'>,
  { signal }: CallContext,
): Promise<Result<'r2.getObject'>> {
  const { object, body } = await cloudflare.getObject(await openApi(services, signal), bucket, key, signal);
  if (path !== undefined) return { ...object, path: await writeBody(services.cwd, path, body, signal) };
  const inline = await readInline(
    body,
    `The object ${key}`,
    'Give `path` to write it into a file.',
    signal,
    services.maxBodyBytes,
  );
  return { ...object, ...inline };
}

export async function putObject(
  services: ServerServices,
  params: ParsedParams<'r2.putObject'>,
  { signal }: CallContext,
): Promise<Result<'r2.putObject'>> {
  const { bucket, key, path, body = '', bodyEncoding, ...options } = params;
  const account = await services.account();
  if (account.info.kind === 'cloud' && options.customMetadata) {
    throw new SidecarError(
      'unsupported',
      "Cloudflare's REST API takes no custom metadata with an object. Leave `customMetadata` out, or write the object from a Worker.",
    );
  }
  const content =
    path === undefined ? new Blob([decodeInline(body, bodyEncoding)]) : await fileBody(services.cwd, path);
  const object = await cloudflare.putObject(
    await openApi(services, signal),
    bucket,
    key,
    content,
    options,
    signal,
  );
  return { success: true, object };
}

export async function deleteObject(
  services: ServerServices,
  { bucket, key }: ParsedParams<'r2.deleteObject'>,
  { signal }: CallContext,
): Promise<Result<'r2.deleteObject'>> {
  await cloudflare.deleteObject(await openApi(services, signal), bucket, key, signal);
  return { success: true };
}
