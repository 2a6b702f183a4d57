import type { StopTimes } from '../lib/stop-times.js';
import {
  type CallableMethod,
  type NotificationParams,
  parseParams,
  type Result,
  SidecarError,
} from '../protocol/index.js';
import type { Reply } from './batch-reply.js';
import { type ConnectionHandlers, callHandler } from './call.js';
import { CallContext } from './call-context.js';
import type { Handshake } from './handshake.js';
import { InFlight } from './in-flight.js';
import { ProgressReports } from './progress-reports.js';
import type { Responses } from './responses.js';

export interface RequestsOptions {
  /** How long a shutdown, or the end of the input, waits for the calls in flight and for cancelled ones. */
  stopTimes: Pick<StopTimes, 'callsMs' | 'cancelledMs'>;
  handlers: ConnectionHandlers;
  handshake: Handshake;
  responses: Responses;
  notify(method: '$/progress', params: NotificationParams<'$/progress'>): void;
  /** False while answers wait in the pipe. */
  isIdle(): boolean;
  /** Called when the result of a call that took its time was written. */
  onAnswered(method: CallableMethod, result: unknown): void;
  /** The handshake has failed, and with it the connection. */
  onHandshakeFailed(error: SidecarError): void;
}

/** Runs the requests of one connection and has each answered once. */
export class Requests {
  readonly #options: RequestsOptions;
  readonly #inFlight: InFlight;
  /** Made for the first report of a call: most calls tell none. */
  readonly #reports = new Map<number | string, ProgressReports>();

  constructor(options: RequestsOptions) {
    this.#options = options;
    this.#inFlight = new InFlight(options.stopTimes);
  }

  /** Why a request cannot be taken beside those in flight, if it cannot. */
  refusal(id: number | string): SidecarError | undefined {
    if (this.#inFlight.has(id)) {
      return new SidecarError(
        'invalid-request',
        `A request with the id ${JSON.stringify(id)} is in flight already.`,
      );
    }
    if (this.#inFlight.isFull) {
      return new SidecarError('overloaded', 'Too many calls wait for their answers already.');
    }
    return undefined;
  }

  /** One that is answered at once is answered before this returns. */
  run(id: number | string, method: CallableMethod, params: unknown, reply: Reply): void {
    const { handlers, responses } = this.#options;
    const context = new CallContext(id, (_name, { value }) => this.#report(id, params, value));
    try {
      const outcome = callHandler(handlers, method, params, context);
      if (outcome instanceof Promise) {
        const settled = () => this.#settle(id, method, params, context, outcome, reply);
        const giveUp = () => this.#giveUp(id, method, params, reply);
        void this.#inFlight.track(id, { context, giveUp }, settled);
      } else {
        this.#endReports(id);
        responses.result(id, outcome, reply);
      }
    } catch (error) {
      this.#endReports(id);
      responses.failure(id, method, params, error, reply);
    }
  }

  initialize(id: number | string, params: unknown, reply: Reply): void {
    void this.#inFlight.trackAlone(() => this.#initialize(id, params, reply));
  }

  cancel(id: number | string): void {
    this.#inFlight.cancel(id);
  }

  cancelAll(): void {
    this.#inFlight.cancelAll();
  }

  /**
   * Waits, bounded, until every request but the one of `kept` is answered; then cancels them, and waits for that too.
   * What does not even react to that is answered as cancelled, so that no batch waits for it.
   */
  async drain(kept?: CallContext): Promise<void> {
    await this.#inFlight.drain(kept === undefined ? 0 : 1);
    this.#inFlight.giveUp(kept);
  }

  #report(id: number | string, params: unknown, value: NotificationParams<'$/progress'>['value']): void {
    let reports = this.#reports.get(id);
    if (reports === undefined) {
      const { responses, notify, isIdle } = this.#options;
      const safe = responses.progress(params);
      const send = (told: typeof value) => notify('$/progress', safe({ token: id, value: told }));
      reports = new ProgressReports({ send, isIdle });
      this.#reports.set(id, reports);
    }
    reports.report(value);
  }

  /** The last state of a call goes before its answer. */
  #endReports(id: number | string): void {
    this.#reports.get(id)?.end();
    this.#reports.delete(id);
  }

  async #settle(
    id: number | string,
    method: CallableMethod,
    params: unknown,
    context: CallContext,
    outcome: Promise<Result<CallableMethod>>,
    reply: Reply,
  ): Promise<void> {
    const { responses, onAnswered } = this.#options;
    try {
      const result = await outcome;
      if (!this.#inFlight.answered(id)) return;
      this.#endReports(id);
      responses.result(id, result, reply, () => onAnswered(method, result));
    } catch (error) {
      if (!this.#inFlight.answered(id)) return;
      this.#endReports(id);
      const cancelled = context.cancelled
        ? new SidecarError('cancelled', `${method} was cancelled.`, { cause: error })
        : error;
      responses.failure(id, method, params, cancelled, reply);
    }
  }

  #giveUp(id: number | string, method: CallableMethod, params: unknown, reply: Reply): void {
    if (!this.#inFlight.answered(id)) return;
    this.#endReports(id);
    const why = `${method} was cancelled: the server ends, and it did not.`;
    this.#options.responses.failure(id, method, params, new SidecarError('cancelled', why), reply);
  }

  async #initialize(id: number | string, params: unknown, reply: Reply): Promise<void> {
    const { handshake, responses, onHandshakeFailed } = this.#options;
    try {
      const answer = await handshake.initialize(parseParams('initialize', params));
      responses.result(id, answer, reply);
    } catch (error) {
      const failure = SidecarError.from(error);
      responses.error(id, failure, reply);
      if (handshake.failed) onHandshakeFailed(failure);
    }
  }
}
