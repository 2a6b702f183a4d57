import { SidecarError } from '../protocol/index.js';
import { abortableSleep, Deadline } from './deadline.js';
import { isRepeatable, wasNeverSent } from './repeatable.js';
import { checkedJson, guardedStream } from './response-body.js';
import { Quota, waitOf } from './retry-after.js';

export interface PoliteLimits {
  /** How long a request and its JSON answer may take together. */
  requestMs: number;
  /** The same for one that carries a value or a Worker. */
  uploadMs: number;
  /** How long the body of a value may pause. */
  idleMs: number;
  /** The longest wait that is kept to within a call; a longer one is the caller's to decide. */
  maxWaitMs: number;
  /** The wait before the second attempt, when nothing says how long; doubled for the third. */
  backoffMs: number;
  attempts: number;
}

const LIMITS: PoliteLimits = {
  requestMs: 60_000,
  uploadMs: 600_000,
  idleMs: 60_000,
  maxWaitMs: 10_000,
  backoffMs: 500,
  attempts: 3,
};

/** Signs requests, with what may change while they are sent. */
export interface RequestSigner {
  /** Headers over those of the request, made anew for each attempt; undefined removes one. */
  headers(): Promise<Record<string, string | undefined>>;
  /** Cloudflare did not take these headers: whether there are others now. */
  refused(headers: Record<string, string | undefined>): Promise<boolean>;
}

export interface PoliteOptions {
  /** Sends one request; default Node's fetch. */
  send?: typeof fetch;
  signer: RequestSigner;
  limits?: Partial<PoliteLimits>;
}

/** Where values are streamed; everything else is JSON. */
const VALUE_PATH = /\/(?:values|objects)\/[^/]+$/;

/**
 * A fetch with the manners that Cloudflare's API asks for: every attempt has a deadline, Retry-After and the
 * rate-limit headers are kept to within bounds, only what is safe to repeat is sent again, no redirect is followed
 * (it would carry the credentials along), and a cancelled call ends its request.
 * @throws SidecarError `network-error`, `rate-limited`, `cloudflare-error`; an answer of Cloudflare's is returned
 * whatever its status.
 */
export function politeFetch(options: PoliteOptions): typeof fetch {
  const limits = { ...LIMITS, ...options.limits };
  const quota = new Quota();
  const send = options.send ?? ((input, init) => fetch(input, init));
  return async (input, init = {}) => {
    const url = String(input instanceof Request ? input.url : input);
    // The SDK finds out what fetch can do by fetching a `data:` URL.
    if (url.startsWith('data:')) return send(input, init);
    const request = { url, method: (init.method ?? 'GET').toUpperCase(), path: new URL(url).pathname };
    const signal = init.signal ?? new AbortController().signal;
    for (let attempt = 1; ; attempt += 1) {
      await quota.wait(request.path, limits.maxWaitMs, signal);
      const outcome = await attemptOnce(request, init, signal, { ...options, send, limits, quota });
      const waitMs = attempt < limits.attempts ? repeatAfter(request, outcome, attempt, limits) : undefined;
      if (signal.aborted) throw signal.reason;
      if (waitMs === undefined) return settle(outcome);
      await abortableSleep(waitMs, signal);
    }
  };
}

interface PoliteRequest {
  url: string;
  method: string;
  path: string;
}

type Outcome = Response | Error;

interface Attempt extends PoliteOptions {
  send: typeof fetch;
  limits: PoliteLimits;
  quota: Quota;
}

/** One request. A JSON answer is read whole, so that one that was cut short counts as no answer. */
async function attemptOnce(
  { url, path }: PoliteRequest,
  init: RequestInit,
  signal: AbortSignal,
  { send, signer, limits, quota }: Attempt,
): Promise<Outcome> {
  const isValue = VALUE_PATH.test(path);
  const deadline = new Deadline(
    init.body && (isValue || init.body instanceof FormData) ? limits.uploadMs : limits.requestMs,
    signal,
  );
  try {
    const response = await signedSend(signer, init, (headers) =>
      send(url, { ...init, headers, redirect: 'manual', signal: deadline.signal }),
    );
    quota.learn(response.headers);
    if (response.status >= 300 && response.status < 400 && response.status !== 304)
      throw redirected(response);
    if (isValue && response.ok) return guardedStream(response, deadline, limits.idleMs);
    const answer = await checkedJson(response);
    deadline.clear();
    return answer;
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(String(error));
    deadline.clear();
    return deadline.isOver ? timedOut(deadline.ms) : failure;
  }
}

/** Sent a second time where Cloudflare refused the first for its signature alone, and there is another one now. */
async function signedSend(
  signer: RequestSigner,
  { headers, body }: RequestInit,
  send: (headers: Headers) => Promise<Response>,
): Promise<Response> {
  const signature = await signer.headers();
  const response = await send(signed(headers, signature));
  // A stream can be read once.
  const isStream = typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
  if (response.status !== 401 || isStream) return response;
  if (!(await signer.refused(signature))) return response;
  await response.body?.cancel();
  return send(signed(headers, await signer.headers()));
}

function signed(headers: RequestInit['headers'], signature: Record<string, string | undefined>): Headers {
  const all = new Headers(headers);
  for (const [name, value] of Object.entries(signature)) {
    if (value === undefined) all.delete(name);
    else all.set(name, value);
  }
  return all;
}

/** How long to wait before the request is sent again; undefined when it is not. */
function repeatAfter(
  { method, path }: PoliteRequest,
  outcome: Outcome,
  attempt: number,
  { maxWaitMs, backoffMs }: PoliteLimits,
): number | undefined {
  const backoff = backoffMs * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
  if (outcome instanceof SidecarError) {
    return outcome.code === 'network-error' && isRepeatable(method, path) ? backoff : undefined;
  }
  if (outcome instanceof Error)
    return isRepeatable(method, path) || wasNeverSent(outcome) ? backoff : undefined;
  // What was refused for its rate was not carried out.
  const isRepeated = outcome.status === 429 || (outcome.status >= 500 && isRepeatable(method, path));
  if (!isRepeated) return undefined;
  const wait = waitOf(outcome.headers) ?? backoff;
  return wait <= maxWaitMs ? wait : undefined;
}

function settle(outcome: Outcome): Response {
  if (outcome instanceof Error) throw outcome;
  return outcome;
}

function timedOut(ms: number): SidecarError {
  return new SidecarError('network-error', `Cloudflare did not answer within ${ms / 1000} s.`, {
    data: { timeoutMs: ms },
  });
}

function redirected(response: Response): SidecarError {
  const { status, headers } = response;
  void response.body?.cancel();
  let to = 'elsewhere';
  const location = headers.get('location') ?? '';
  if (URL.canParse(location)) to = `to ${new URL(location).origin}`;
  return new SidecarError(
    'cloudflare-error',
    `Cloudflare's API answered with a redirect ${to} (HTTP status ${status}), which was not followed: check CLOUDFLARE_API_BASE_URL and the proxy.`,
    { data: { cloudflare: { status, errors: [] } } },
  );
}
