import type { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { SidecarError } from '../../protocol/index.js';
import { askHello, CLOSING_HEADER, OWNER_HEADER } from './hello.js';
import type { OwnerRecord } from './owner-record.js';
import { type OtherOwner, stateLocked } from './ownership.js';
import { fetchOverSocket, isRefused } from './socket-fetch.js';

/** The way to the process that owns the state directory. */
export class OwnerLink {
  constructor(
    private readonly stateDir: string,
    readonly owner: OtherOwner,
    private readonly agent: Agent,
    private readonly timeoutMs: number,
  ) {}

  /**
   * Lets the owner answer a request.
   * @param repeatable whether it may be sent to the next owner when this one ends while it works on it
   * @returns undefined when the owner is going or gone, and the request can be sent to the next one
   * @throws SidecarError `state-locked`, `indeterminate`
   */
  async ask(request: Request, repeatable: boolean): Promise<Response | undefined> {
    let isAccepted = false;
    try {
      const response = await this.#send(request, () => {
        isAccepted = true;
      });
      if (!response.headers.has(CLOSING_HEADER)) return response;
      await response.body?.cancel();
      return undefined;
    } catch (error) {
      if (request.signal.aborted || error instanceof SidecarError) throw error;
      if (repeatable || isRefused(error) || (isCutOff(error) && !isAccepted)) return undefined;
      throw ownerGone(this.owner.record, error);
    }
  }

  async #send(request: Request, onAccepted: () => void): Promise<Response> {
    const aborter = new AbortController();
    const signal = AbortSignal.any([request.signal, aborter.signal]);
    const headers = new Headers(request.headers);
    headers.set(OWNER_HEADER, this.owner.record.identity?.id ?? '');
    const addressed = new Request(request, { headers, signal });
    const answer = fetchOverSocket(this.owner.socketPath, addressed, { agent: this.agent, onAccepted });
    const watch = new AbortController();
    const stuck = this.#watch(watch.signal);
    try {
      return await Promise.race([answer, stuck]);
    } catch (error) {
      aborter.abort();
      answer.catch(() => {}); // `stuck` has won; what the aborted request says no longer matters.
      throw error;
    } finally {
      watch.abort();
    }
  }

  /** Rejects when the owner neither answers the request nor a greeting; a deploy may take long, that may not. */
  async #watch(signal: AbortSignal): Promise<never> {
    for (;;) {
      try {
        await delay(this.timeoutMs, undefined, { signal, ref: false });
      } catch {
        return new Promise<never>(() => {}); // The request has settled.
      }
      const { socketPath, record } = this.owner;
      const liveness = await askHello(socketPath, record, this.timeoutMs);
      if (liveness === 'silent') throw stateLocked(this.stateDir, record);
    }
  }
}

/** The connection ended. What the owner does is preceded by a word that it has accepted the request. */
function isCutOff(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '');
}

function ownerGone(record: OwnerRecord, cause: unknown): SidecarError {
  return new SidecarError(
    'indeterminate',
    `The process ${record.pid}, which owned the state directory, ended while it worked on the request; it may or may not have been carried out. Look, then try again.`,
    { data: { pid: record.pid }, cause },
  );
}
