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
  /** Asks the child for a sign of life; its answer is told by `heard`. */
  ping(): void;
  activity(): Promise<ProcessActivity | undefined>;
  /** Called once: the child gives no sign of life. */
  onSilent(error: Failure): void;
}

/**
 * Notices a child that no longer answers. It is pinged when nothing else was heard of it; past the deadline it is
 * given up when it is stopped or waits for nothing, while one at work gets four times as long, and so does every one
 * where the system does not tell the two apart.
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
  /** When the ping was sent that nothing has followed since. */
  #pingedMs: number | undefined;
  #pingedCpuTicks: number | undefined;
  #isStopped = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#intervalMs = Math.max(1, Math.floor(options.timeoutMs / TICKS));
    this.#timer = setInterval(() => void this.#tick(), this.#intervalMs);
    this.#timer.unref();
  }

  /** The child has written something. */
  heard(): void {
    this.#heardMs = performance.now();
    this.#pingedMs = undefined;
  }

  /** Can be called twice. */
  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }

  async #tick(): Promise<void> {
    const nowMs = performance.now();
    const isLate = nowMs - this.#lastTickMs > 2 * this.#intervalMs;
    this.#lastTickMs = nowMs;
    if (isLate) this.heard();
    if (this.#pingedMs !== undefined) await this.#judge(this.#pingedMs, nowMs);
    else if (nowMs - this.#heardMs >= this.#intervalMs / 2 || isLate) await this.#ping(nowMs);
  }

  async #ping(nowMs: number): Promise<void> {
    this.#pingedMs = nowMs;
    this.#pingedCpuTicks = undefined;
    this.#options.ping();
    const before = await this.#options.activity();
    if (this.#pingedMs === nowMs) this.#pingedCpuTicks = before?.cpuTicks;
  }

  async #judge(pingedMs: number, nowMs: number): Promise<void> {
    const silentMs = nowMs - pingedMs;
    const { timeoutMs } = this.#options;
    if (silentMs < timeoutMs) return;
    const activity = await this.#options.activity();
    if (this.#isStopped || this.#pingedMs !== pingedMs) return;
    const isGivenTime = activity === undefined || this.#isBusy(activity, silentMs);
    if (isGivenTime && silentMs < BUSY_FACTOR * timeoutMs) return;
    this.stop();
    this.#options.onSilent(silent(silentMs, activity?.state));
  }

  #isBusy({ state, cpuTicks }: ProcessActivity, silentMs: number): boolean {
    if (state !== 'waiting') return state === 'running';
    const usedMs = (cpuTicks - (this.#pingedCpuTicks ?? cpuTicks)) * TICK_MS;
    return usedMs > silentMs * BUSY_SHARE;
  }
}

function silent(silentMs: number, state: ProcessActivity['state'] | undefined): Failure {
  const how = state === 'stopped' ? 'is stopped' : state === 'running' ? 'is too busy' : 'hangs';
  const message = `The CLI ${how}: it has not answered a ping for ${Math.round(silentMs)} ms, and is ended. Raise \`heartbeatTimeout\` if it needs longer.`;
  return new Failure('timeout', message, { silentMs: Math.round(silentMs), state });
}
