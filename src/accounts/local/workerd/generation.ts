import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SidecarError } from '../../../protocol/index.js';
import { decoded } from './content-encoding.js';
import { HangWatch } from './hang-watch.js';
import { requestHeaders, responseHeaders } from './http-head.js';
import { HeadTimeout, SocketHttp, toWeb } from './socket-http.js';
import { isConnectionError } from './storage-request.js';
import type { WorkerdProcess } from './workerd-process.js';

/** How long requests may go on once a newer generation has taken over. */
const DRAIN_MS = 30_000;
/** `ctx.waitUntil()` goes on after the answer, unseen by us, and workerd's SIGTERM does not wait for it. */
const WAIT_UNTIL_MS = 5_000;
const STOP_GRACE_MS = 1_000;

export interface GenerationLimits {
  /** How long a Worker may take until the head of its answer. */
  responseTimeoutMs: number;
  /** How long the process may not react at all before it is ended. */
  hangTimeoutMs: number;
}

/** One running set of Workers: a workerd process that is never changed, only replaced. */
export class Generation {
  readonly #workers: ReadonlyMap<string, SocketHttp>;
  readonly #control: SocketHttp;
  readonly #watch: HangWatch;
  /** Requests in flight, by Worker. */
  readonly #serving = new Map<string, number>();
  #hung: string | undefined;
  #inFlight = 0;
  #lastAnswerAt = Number.NEGATIVE_INFINITY;
  #retiring = false;
  #timer: NodeJS.Timeout | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  #switching: Promise<void> = Promise.resolve();

  constructor(
    private readonly process: WorkerdProcess,
    sockets: { workers: ReadonlyMap<string, string>; control: string },
    private readonly limits: GenerationLimits,
  ) {
    this.#workers = new Map([...sockets.workers].map(([name, path]) => [name, new SocketHttp(path)]));
    this.#control = new SocketHttp(sockets.control);
    this.#watch = new HangWatch(
      limits.hangTimeoutMs,
      () => this.#inFlight > 0,
      (signal) => this.#probe(signal),
      () => this.#endHung(),
    );
    void process.exited.then(() => this.#release());
  }

  get usable(): boolean {
    return this.process.alive && !this.#retiring && this.#hung === undefined;
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  /** Resolves when its process is gone. */
  get ended(): Promise<void> {
    return this.process.exited;
  }

  /** Turns the delivery of trace events on or off; requests that follow are sent only after it took effect. */
  setTraced(traced: boolean): Promise<void> {
    this.#switching = this.#switching.then(async () => {
      try {
        const path = traced ? '/on' : '/off';
        (await this.#control.send({ method: 'POST', path, headers: { host: 'control' } })).resume();
      } catch (error) {
        // A dead process delivers nothing; the next one is told when it starts.
        if (this.process.alive) throw error;
      }
    });
    return this.#switching;
  }

  async invoke(workerName: string, request: Request): Promise<Response> {
    const http = this.#workers.get(workerName);
    if (http === undefined) throw new SidecarError('not-found', `No Worker named ${workerName} is deployed.`);
    assertInvocable(request);
    this.#begin(workerName);
    try {
      await this.#switching;
      const message = await this.#send(http, request);
      const response = this.#toResponse(message, workerName, request);
      // Counted down once: not here when the head was refused.
      message.once('close', () => this.#answered(workerName));
      return response;
    } catch (error) {
      this.#answered(workerName);
      throw this.#invokeError(error, workerName, request);
    }
  }

  /** Lets requests in flight and what they left to do finish, bounded, then ends the process. */
  retire(): void {
    this.#retiring = true;
    if (!this.process.alive) return;
    this.#drainTimer = setTimeout(() => void this.stop(), DRAIN_MS);
    this.#stopWhenIdle();
  }

  /** Ends the process now; requests in flight get a short while. Can be called twice. */
  async stop(): Promise<void> {
    this.#retiring = true;
    this.#clearTimers();
    await this.process.stop(STOP_GRACE_MS);
  }

  #release(): void {
    this.#clearTimers();
    this.#control.close();
    for (const http of this.#workers.values()) http.close();
  }

  #clearTimers(): void {
    this.#watch.stop();
    clearTimeout(this.#timer);
    clearTimeout(this.#drainTimer);
  }

  #begin(workerName: string): void {
    this.#inFlight++;
    this.#serving.set(workerName, (this.#serving.get(workerName) ?? 0) + 1);
    this.#watch.start();
  }

  async #probe(signal: AbortSignal): Promise<void> {
    const head = { method: 'POST', path: '/ping', headers: { host: 'control' } };
    (await this.#control.send({ ...head, signal })).resume();
  }

  /** A blocked process hears no SIGTERM, and all its requests wait for one: which one, it cannot tell. */
  #endHung(): void {
    const names = [...this.#serving.keys()].join(', ');
    this.#hung = `did not react for ${this.limits.hangTimeoutMs / 1000} s and was ended: a Worker computed without a pause, or loops for ever. Requests were in flight to ${names}`;
    void this.process.kill();
  }

  #answered(workerName: string): void {
    this.#inFlight--;
    const left = (this.#serving.get(workerName) ?? 1) - 1;
    if (left > 0) this.#serving.set(workerName, left);
    else this.#serving.delete(workerName);
    this.#lastAnswerAt = performance.now();
    if (this.#retiring) this.#stopWhenIdle();
  }

  #stopWhenIdle(): void {
    clearTimeout(this.#timer);
    if (this.#inFlight > 0 || !this.process.alive) return;
    const restMs = this.#lastAnswerAt + WAIT_UNTIL_MS - performance.now();
    if (restMs > 0) this.#timer = setTimeout(() => this.#stopWhenIdle(), restMs);
    else void this.stop();
  }

  async #send(http: SocketHttp, request: Request): Promise<IncomingMessage> {
    const url = new URL(request.url);
    const headers = requestHeaders(request, url);
    const body = await readBody(request);
    if (body instanceof Uint8Array) headers['content-length'] = body.byteLength;
    else if (body === undefined) delete headers['content-length'];
    return http.send({
      method: request.method,
      path: url.pathname + url.search,
      headers,
      signal: request.signal,
      headTimeoutMs: this.limits.responseTimeoutMs,
      ...(body !== undefined && { body }),
    });
  }

  #toResponse(message: IncomingMessage, workerName: string, request: Request): Response {
    const status = message.statusCode ?? 0;
    const init = { status, statusText: message.statusMessage ?? '', headers: responseHeaders(message) };
    if (request.method === 'HEAD' || [204, 205, 304].includes(status)) {
      message.resume();
      return new Response(null, init);
    }
    const toError = (error: unknown) => this.#invokeError(error, workerName, request);
    return new Response(toWeb(decoded(message), { toError }), init);
  }

  #invokeError(error: unknown, workerName: string, request: Request): unknown {
    if (request.signal.aborted) {
      return new SidecarError('cancelled', `The request to Worker ${workerName} was cancelled.`, {
        cause: error,
      });
    }
    if (error instanceof HeadTimeout) {
      const limitMs = this.limits.responseTimeoutMs;
      return new SidecarError(
        'timeout',
        `Worker ${workerName} did not begin to answer within ${limitMs / 1000} s. FLUORITE_FLAKE_RESPONSE_TIMEOUT_MS sets another limit.`,
        { data: { workerName, timeoutMs: limitMs } },
      );
    }
    if (this.#hung !== undefined) return this.#broken(this.#hung, error);
    if (!isConnectionError(error)) return error;
    if (!this.process.alive) return this.#broken(`ended before Worker ${workerName} had answered`, error);
    // A Worker that breaks its own answer off looks like this, and so does a workerd whose end is not noticed yet.
    const message = `The answer of Worker ${workerName} broke off: its connection was closed before it was complete.`;
    return new SidecarError('workerd-failed', message, { data: { workerName }, cause: error });
  }

  #broken(what: string, cause: unknown): SidecarError {
    return new SidecarError('workerd-failed', `workerd ${what}. The next use starts it anew.`, {
      data: { stderr: [...this.process.stderr] },
      cause,
    });
  }
}

function assertInvocable(request: Request): void {
  if (request.headers.get('upgrade') === null) return;
  throw new SidecarError(
    'unsupported',
    'Invoking a Worker answers one request; a WebSocket cannot be opened that way.',
  );
}

/**
 * A body that is complete at once is sent with its length, as a client would send it; one that takes its time is
 * passed on as it comes.
 */
async function readBody(request: Request): Promise<Uint8Array | Readable | undefined> {
  if (request.body === null) return undefined;
  const reader = request.body.getReader();
  const first = await reader.read();
  if (first.done) return new Uint8Array();
  const pending = reader.read();
  const second = await Promise.race([pending, nextTurn(undefined)]);
  if (second?.done) return first.value;
  const rest = (async function* () {
    yield first.value;
    for (let next = await pending; !next.done; next = await reader.read()) yield next.value;
  })();
  const body = Readable.from(rest, { objectMode: false });
  body.once('close', () => void reader.cancel().catch(() => {}));
  return body;
}
