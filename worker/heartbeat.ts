import { afterArrivals } from '../src/lib/time.js';
import { Failure } from './failure.js';
import type { ProcessActivity } from './process-activity.js';

/** How many times as long a child that is at work may be silent. */
const BUSY_FACTOR = 4;
/** Looks at the child within one deadline. */
const TICKS = 3;
const TICK_MS = 10;
/** The share of the time since the ping that a child at work has spent on a CPU. */
const BUSY_SHARE = 0.05;

export interface HeartbeatOptions {
  /** How long a child may leave a ping unanswered. */
  timeoutMs: number;
  /** Asks the child for a sign of life; resolves when it has answered. */
  ping(): Promise<unknown>;
  /** @param isOverdue whether the child has left a ping unanswered too long: then it may cost more to find out */
  activity(isOverdue: boolean): Promise<ProcessActivity | undefined>;
  /** Called once: the child gives no sign of life. */
  onSilent(error: Failure): void;
}

/**
 * Notices a child that no longer answers. It is pinged every now and then. When nothing at all is heard of it past the
 * deadline, it is given up if it is stopped or waits for nothing, while one at work gets four times as long, and so does
 * every one where the system does not tell the two apart. One that talks but does not answer has that long too.
 *
 * A tick that comes late means that this thread itself did not run (the machine slept, or was overloaded): what the
 * child did meanwhile cannot be known, so the deadline begins anew.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #intervalMs: number;
  readonly #timer: NodeJS.Timeout;
  #lastTickMs = performance.now();
  #heardMs = performance.now();
  /** When the ping was sent that has not been answered. */
  #pingedMs: number | undefined;
  #pingedCpuTicks: number | undefined;
  #isJudging = false;
  #isStopped = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#intervalMs = Math.max(1, Math.floor(options.timeoutMs / TICKS));
    this.#timer = setInterval(() => afterArrivals(() => void this.#tick()), this.#intervalMs);
    this.#timer.unref();
  }

  /** The child has written something. */
  heard(): void {
    this.#heardMs = performance.now();
  }

  /** Can be called twice. */
  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }

  async #tick(): Promise<void> {
    if (this.#isStopped) return;
    const nowMs = performance.now();
    const isLate = nowMs - this.#lastTickMs > 2 * this.#intervalMs;
    this.#lastTickMs = nowMs;
    if (isLate) this.#beginAnew(nowMs);
    if (this.#isJudging) return;
    this.#isJudging = true;
    if (this.#pingedMs === undefined) await this.#ping(nowMs);
    else await this.#judge(this.#pingedMs, nowMs);
    this.#isJudging = false;
  }

  #beginAnew(nowMs: number): void {
    this.#heardMs = nowMs;
    if (this.#pingedMs !== undefined) this.#pingedMs = nowMs;
  }

  async #ping(nowMs: number): Promise<void> {
    this.#pingedMs = nowMs;
    // Its failure is the end of the session, which stops this too.
    this.#options.ping().then(
      () => {
        this.#pingedMs = undefined;
      },
      () => undefined,
    );
    this.#pingedCpuTicks = (await this.#options.activity(false))?.cpuTicks;
  }

  async #judge(pingedMs: number, nowMs: number): Promise<void> {
    const { timeoutMs } = this.#options;
    const silentMs = nowMs - Math.max(pingedMs, this.#heardMs);
    const isOverdue = nowMs - pingedMs >= BUSY_FACTOR * timeoutMs;
    if (silentMs < timeoutMs && !isOverdue) return;
    const activity = await this.#options.activity(true);
    if (this.#isStopped || this.#pingedMs !== pingedMs) return;
    const isGivenTime = activity === undefined || this.#isBusy(activity, nowMs - pingedMs);
    if (isGivenTime && !isOverdue) return;
    this.stop();
    this.#options.onSilent(silent(nowMs - pingedMs, activity?.state));
  }

  #isBusy({ state, cpuTicks }: ProcessActivity, sinceMs: number): boolean {
    if (state !== 'waiting') return state === 'running';
    const usedMs = (cpuTicks - (this.#pingedCpuTicks ?? cpuTicks)) * TICK_MS;
    return usedMs > sinceMs * BUSY_SHARE;
  }
}

function silent(silentMs: number, state: ProcessActivity['state'] | undefined): Failure {
  const how = state === 'stopped' ? 'is stopped' : state === 'running' ? 'is too busy' : 'hangs';
  const message = `The CLI ${how}: it has not answered a ping for ${Math.round(silentMs)} ms, and is ended. Raise \`heartbeatTimeout\` if it needs longer.`;
  return new Failure('timeout', message, { silentMs: Math.round(silentMs), state });
}
