import { isDeeperThan, SidecarError } from '../protocol/index.js';
import type { Deadline } from './deadline.js';

/**
 * More than any answer nests, KV metadata in a listing included (its 1,024 bytes have 512 levels). V8 cannot write what
 * nests some thousand levels deep, and the SDK writes what it has no message for.
 */
const MAX_ANSWER_DEPTH = 1000;
/** More than any listing; a value is streamed and has no bound here. */
const MAX_JSON_BYTES = 64 * 1024 * 1024;

/**
 * The same response with its body read whole. One of success must be Cloudflare's envelope: a proxy's or a sign-in
 * page answers 200 too.
 * @throws SidecarError `network-error` when it was cut short, `cloudflare-error` when it is something else.
 */
export async function checkedJson(response: Response): Promise<Response> {
  const body = await readWhole(response);
  const { status, statusText, headers } = response;
  const copy = () => new Response(isBodiless(status) ? null : body, { status, statusText, headers });
  if (isBodiless(status)) return copy();
  const answer = tryParse(body);
  if (isDeeperThan(answer, MAX_ANSWER_DEPTH)) throw tooDeep(status);
  if (!response.ok || isEnvelope(answer)) return copy();
  const type = headers.get('content-type')?.split(';')[0] ?? 'no content type';
  throw new SidecarError(
    'cloudflare-error',
    `The answer is not one of Cloudflare's API: HTTP status ${status}, ${type}, ${body.length} bytes. Check CLOUDFLARE_API_BASE_URL and the proxy.`,
    { data: { cloudflare: { status, errors: [] } } },
  );
}

async function readWhole(response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_JSON_BYTES) break;
    }
  } catch (cause) {
    throw cutShort(cause);
  }
  if (length <= MAX_JSON_BYTES) return Buffer.concat(chunks);
  throw new SidecarError('cloudflare-error', `The answer is longer than ${MAX_JSON_BYTES} bytes.`, {
    data: { cloudflare: { status: response.status, errors: [] } },
  });
}

function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

/** undefined when it is no JSON: told by the caller, with what arrived instead. */
function tryParse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

function isEnvelope(answer: unknown): boolean {
  return typeof answer === 'object' && answer !== null && ('result' in answer || 'data' in answer);
}

function tooDeep(status: number): SidecarError {
  const message = `Cloudflare's answer nests deeper than ${MAX_ANSWER_DEPTH} levels (HTTP status ${status}).`;
  return new SidecarError('cloudflare-error', message, { data: { cloudflare: { status, errors: [] } } });
}

/** The same response; its body fails when it is cut short, or pauses for longer than `idleMs`. */
export function guardedStream(response: Response, deadline: Deadline, idleMs: number): Response {
  const { status, statusText, headers, body } = response;
  if (!body) {
    deadline.clear();
    return response;
  }
  return new Response(guarded(body, deadline, idleMs), { status, statusText, headers });
}

/** Not `ReadableStream.from`: a generator that was never begun would not tell its source of a cancellation. */
function guarded(
  body: ReadableStream<Uint8Array>,
  deadline: Deadline,
  idleMs: number,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const chunks = guard(reader, deadline, idleMs);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel(reason) {
        deadline.clear();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

async function* guard(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  deadline: Deadline,
  idleMs: number,
): AsyncGenerator<Uint8Array> {
  deadline.restart(idleMs);
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      // The consumer may take its time.
      deadline.pause();
      yield next.value;
      deadline.restart(idleMs);
    }
  } catch (cause) {
    if (!deadline.isOver) throw deadline.signal.aborted ? deadline.signal.reason : cutShort(cause);
    throw new SidecarError('network-error', `Cloudflare sent nothing more for ${idleMs / 1000} s.`);
  } finally {
    deadline.clear();
  }
}

function cutShort(cause: unknown): SidecarError {
  const reason =
    cause instanceof Error ? ((cause.cause as Error | undefined)?.message ?? cause.message) : String(cause);
  return new SidecarError('network-error', `Cloudflare's answer was cut short (${reason}).`, { cause });
}
