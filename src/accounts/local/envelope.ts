import { ERRORS, type ErrorCode, SidecarError } from '../../protocol/index.js';

/** Carries a SidecarError of the local account beside Cloudflare's envelope, whose shape has no place for it. */
const ERROR_HEADER = 'x-fluorite-error';
/** Foreign clients take 16 KiB of headers, and the body tells the message too. */
const MAX_ERROR_HEADER_BYTES = 8 * 1024;
/** The official SDK obeys it, and would else repeat what no repetition helps. */
const RETRY_HEADER = 'x-should-retry';

/** A failure as API v4 answers it. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** A success in Cloudflare's envelope. */
export function ok(result: unknown, resultInfo?: Record<string, unknown>): Response {
  return Response.json({
    success: true,
    errors: [],
    messages: [],
    result,
    ...(resultInfo && { result_info: resultInfo }),
  });
}

/** A failure in Cloudflare's envelope. */
export function failed(error: unknown): Response {
  const headers = new Headers({ 'content-type': 'application/json', [RETRY_HEADER]: 'false' });
  let status = 500;
  let code = 10001;
  if (error instanceof ApiError) ({ status, code } = error);
  else if (error instanceof SidecarError && error.code === 'script-invalid') [status, code] = [400, 10021];
  else {
    const own = SidecarError.from(error);
    status = ERRORS[own.code].httpStatus;
    headers.set(ERROR_HEADER, carried(own));
  }
  const message = error instanceof Error ? error.message : String(error);
  const body = { success: false, errors: [{ code, message }], messages: [], result: null };
  return new Response(JSON.stringify(body), { status, headers });
}

/** The error for the header. Where it would not fit, its code alone: the body has the message, whole. */
function carried(error: SidecarError): string {
  const whole = encode(error);
  return whole.length <= MAX_ERROR_HEADER_BYTES ? whole : encode(new SidecarError(error.code, ''));
}

function encode(error: SidecarError): string {
  return Buffer.from(JSON.stringify(error.toWire())).toString('base64url');
}

/** The code of the SidecarError that an answer carries, when it does. */
export function carriedCode(response: Response): ErrorCode | undefined {
  return carriedError(response)?.code;
}

/** Throws the SidecarError that an answer carries, when it does. */
export async function throwCarried(response: Response): Promise<Response> {
  const error = carriedError(response);
  if (error === undefined) return response;
  // Never cut: a redactor comes later, and does not recognise half of a secret.
  const { errors } = (await response.json()) as { errors: { message: string }[] };
  throw error.message === '' ? new SidecarError(error.code, errors[0]?.message ?? '') : error;
}

function carriedError(response: Response): SidecarError | undefined {
  const text = response.headers.get(ERROR_HEADER);
  if (text === null) return undefined;
  return SidecarError.fromWire(JSON.parse(Buffer.from(text, 'base64url').toString()));
}

/**
 * The page `page`/`per_page` of `items`, enveloped.
 * @param wrap what the result is made of the page; by default the page itself
 */
export function paged<T>(
  items: readonly T[],
  url: URL,
  defaultPerPage: number,
  maxPerPage: number,
  wrap: (page: readonly T[]) => unknown = (page) => page,
): Response {
  const page = wholeNumber(url, 'page', 1, 1, Number.MAX_SAFE_INTEGER);
  const perPage = wholeNumber(url, 'per_page', defaultPerPage, 1, maxPerPage);
  const result = items.slice((page - 1) * perPage, page * perPage);
  return ok(wrap(result), {
    page,
    per_page: perPage,
    count: result.length,
    total_count: items.length,
    total_pages: Math.ceil(items.length / perPage),
  });
}

/** A whole number of the query. */
export function wholeNumber(url: URL, name: string, fallback: number, min: number, max: number): number {
  const text = url.searchParams.get(name);
  if (text === null || text === '') return fallback;
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new ApiError(400, 10001, `${name} must be a whole number from ${min} to ${max}, not ${text}`);
}

/** The body of a request as a JSON object. */
export async function jsonObject(request: Request): Promise<Record<string, unknown>> {
  const value = await jsonBody(request);
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new ApiError(400, 10001, 'The request body must be a JSON object');
}

/** The body of a request as a form. @param code Cloudflare's number for one that is none */
export function readForm(request: Request, code: number): Promise<FormData> {
  return request.formData().catch((error: unknown) => {
    const why = error instanceof Error ? error.message : error;
    throw new ApiError(400, code, `The body is not multipart/form-data: ${why}`);
  });
}

/** The body of a request as JSON. */
export async function jsonBody(request: Request): Promise<unknown> {
  const text = await request.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(400, 10001, 'The request body is not valid JSON');
  }
}
