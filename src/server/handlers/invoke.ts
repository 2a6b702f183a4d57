import { fromHeaderText, toHeaderBytes } from '../../cloudflare/header-text.js';
import { type ParsedParams, type Result, SidecarError } from '../../protocol/index.js';
import type { CallContext, ServerServices } from '../context.js';
import { decodeInline, readInline } from './inline.js';

export async function invokeWorker(
  services: ServerServices,
  params: ParsedParams<'dashboard.invokeWorker'>,
  { signal }: CallContext,
): Promise<Result<'dashboard.invokeWorker'>> {
  const request = toRequest(params, signal);
  const account = await services.account();
  const response = await account.invoke(params.name, request);
  const inline = await readInline(
    response,
    `The response of ${params.name}`,
    'Let the Worker answer in parts, or write to R2 and read the object into a file.',
    signal,
    services.maxBodyBytes,
  );
  return { status: response.status, headers: headersOf(response.headers), ...inline };
}

function toRequest(params: ParsedParams<'dashboard.invokeWorker'>, signal: AbortSignal): Request {
  const { name, url = '/', method, headers, body, bodyEncoding } = params;
  const content = body === undefined ? undefined : decodeInline(body, bodyEncoding);
  try {
    const request = new Request(new URL(url, `http://${name.replaceAll('_', '-')}.local`), {
      method,
      headers: Object.entries(headers ?? {}).map(([key, value]): [string, string] => [
        key,
        toHeaderBytes(value),
      ]),
      signal,
      redirect: 'manual',
      ...(content && { body: content }),
    });
    // A Request of Node's does not tell how long its body is, and the Worker would see one of unknown length.
    if (content) request.headers.set('content-length', String(content.byteLength));
    return request;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SidecarError(
      'invalid-params',
      `dashboard.invokeWorker: no request can be made of this: ${why}.`,
      {
        cause,
      },
    );
  }
}

/** Several `set-cookie` become one value a line: the contract has one string a name. */
function headersOf(headers: Headers): Record<string, string> {
  const cookies = headers.getSetCookie();
  const all = Object.fromEntries(headers);
  const joined = cookies.length > 1 ? { ...all, 'set-cookie': cookies.join('\n') } : all;
  return Object.fromEntries(Object.entries(joined).map(([name, value]) => [name, fromHeaderText(value)]));
}
