import { ApiError } from './envelope.js';

// A Worker's request and response travel through the local API as they are: method, URL, status and headers in one
// header, only the body as the body. Nothing on the way can then add, merge or drop one of their own headers.
const REQUEST_HEADER = 'x-fluorite-request';
const RESPONSE_HEADER = 'x-fluorite-response';
const NULL_BODY_STATUSES = [101, 204, 205, 304];

interface RequestHead {
  url: string;
  method: string;
  headers: [string, string][];
}

interface ResponseHead {
  status: number;
  statusText: string;
  headers: [string, string][];
}

/** A request for a Worker, packed into one for the local API. */
export function packRequest(workerName: string, request: Request): Request {
  const head: RequestHead = { url: request.url, method: request.method, headers: [...request.headers] };
  return new Request(`http://local/local/invoke/${encodeURIComponent(workerName)}`, {
    method: 'POST',
    headers: { [REQUEST_HEADER]: pack(head) },
    signal: request.signal,
    ...(request.body && { body: request.body, duplex: 'half' }),
  });
}

export function unpackRequest(packed: Request): Request {
  const head = unpack<RequestHead>(packed.headers.get(REQUEST_HEADER), 'request');
  const hasBody = head.method !== 'GET' && head.method !== 'HEAD' && packed.body !== null;
  return new Request(head.url, {
    method: head.method,
    headers: head.headers,
    signal: packed.signal,
    redirect: 'manual',
    ...(hasBody && { body: packed.body, duplex: 'half' }),
  });
}

export function packResponse(response: Response): Response {
  const { status, statusText } = response;
  const head: ResponseHead = { status, statusText, headers: [...response.headers] };
  return new Response(response.body, { headers: { [RESPONSE_HEADER]: pack(head) } });
}

export function unpackResponse(packed: Response): Response {
  const { status, statusText, headers } = unpack<ResponseHead>(
    packed.headers.get(RESPONSE_HEADER),
    'response',
  );
  const body = NULL_BODY_STATUSES.includes(status) ? null : packed.body;
  return new Response(body, { status, statusText, headers });
}

function pack(head: RequestHead | ResponseHead): string {
  return Buffer.from(JSON.stringify(head)).toString('base64url');
}

function unpack<T>(header: string | null, what: string): T {
  if (header === null) throw new ApiError(400, 10001, `The ${what} head is missing`);
  return JSON.parse(Buffer.from(header, 'base64url').toString()) as T;
}
