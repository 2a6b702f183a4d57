import type { Api } from '../cloudflare/client.js';
import { abortableSleep } from '../cloudflare/deadline.js';
import { SidecarError } from '../protocol/index.js';
import type { TailParams, TailSink, TailSource } from './account.js';
import { gapEvent, toTraceEvent } from './cloud-tail-event.js';
import { TailOverlap } from './cloud-tail-overlap.js';
import { CloudTailSession, type SessionTiming } from './cloud-tail-session.js';
import { TailPressure } from './tail-pressure.js';

export interface TailTiming extends SessionTiming {
  /** How long before its end a session is replaced. */
  renewBeforeMs: number;
  /** The least time between two renewals, whatever the two clocks say. */
  minRenewMs: number;
  /** How long the old session goes on beside the new one. */
  overlapMs: number;
  /** The wait before the second attempt to reconnect, doubled each time up to `maxBackoffMs`. */
  backoffMs: number;
  maxBackoffMs: number;
  /** How long without a connection until the tail ends. */
  giveUpMs: number;
  /** How long nothing is read for a consumer that has no room: Cloudflare ends a viewer that takes nothing. */
  maxPauseMs: number;
}

const TIMING: TailTiming = {
  openMs: 10_000,
  pingMs: 10_000,
  deleteMs: 5_000,
  renewBeforeMs: 60_000,
  minRenewMs: 30_000,
  overlapMs: 3_000,
  backoffMs: 1_000,
  maxBackoffMs: 30_000,
  giveUpMs: 10 * 60_000,
  maxPauseMs: 5_000,
};

/** What a session lives at the least, for one whose end cannot be read. */
const ASSUMED_LIFETIME_MS = 60 * 60_000;
/** What a timer can hold. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface CloudTailOptions {
  log(line: string): void;
  timing?: Partial<TailTiming>;
}

/** Opens a tail that lasts until it is closed: it outlives the sessions and the connections it is made of. */
export async function openCloudTail(
  api: Api,
  params: TailParams,
  sink: TailSink,
  signal: AbortSignal,
  { log, timing }: CloudTailOptions,
): Promise<TailSource> {
  const tail = new CloudTail(api, params, sink, log, { ...TIMING, ...timing });
  await tail.open(signal);
  return tail;
}

/** One session and what the tail knows of it. */
interface Link {
  role: 'old' | 'new';
  session?: CloudTailSession;
  /** Why it was lost, once it was. */
  lost?: string;
  /** Not read yet: what the session before still has comes first. */
  isHeld: boolean;
  /** All of it that the next session does not have was read. */
  isRetired?: boolean;
  openedAtMs: number;
}

class CloudTail implements TailSource {
  readonly #api: Api;
  readonly #params: TailParams;
  readonly #sink: TailSink;
  readonly #log: (line: string) => void;
  readonly #timing: TailTiming;
  readonly #closing = new AbortController();
  readonly #links = new Set<Link>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #pressure: TailPressure;
  #current: Link | undefined;
  #overlap: TailOverlap | undefined;
  #isReplacing = false;
  #isHandingOver = false;
  /** Attempts to reconnect, and since when, since a session last lived for a while. */
  #attempts = 0;
  #unhealthySinceMs: number | undefined;
  #closed: Promise<void> | undefined;

  constructor(api: Api, params: TailParams, sink: TailSink, log: (line: string) => void, timing: TailTiming) {
    this.#api = api;
    this.#params = params;
    this.#sink = sink;
    this.#log = log;
    this.#timing = timing;
    const readers = { pause: () => this.#read(), resume: () => this.#read() };
    this.#pressure = new TailPressure(sink, readers, timing.maxPauseMs);
  }

  async open(signal: AbortSignal): Promise<void> {
    this.#use(await this.#openLink(signal));
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      this.#closing.abort();
      this.#pressure.close();
      for (const timer of this.#timers) clearTimeout(timer);
      await Promise.all([...this.#links].map(({ session }) => session?.close()));
    })();
    return this.#closed;
  }

  async #openLink(signal: AbortSignal, isHeld = false): Promise<Link> {
    const link: Link = { role: 'new', openedAtMs: Date.now(), isHeld };
    const events = {
      onMessage: (text: string) => this.#receive(link, text),
      onLost: (why: string) => this.#lost(link, why),
    };
    const session = await CloudTailSession.open(this.#api, this.#params, events, this.#timing, signal);
    link.session = session;
    this.#links.add(link);
    this.#read();
    if (this.#closing.signal.aborted) await session.close();
    return link;
  }

  /** Has each session read, or not: not while the consumer has no room. */
  #read(): void {
    for (const { session, isHeld } of this.#links) {
      if (isHeld || this.#pressure.isPaused) session?.pause();
      else session?.resume();
    }
  }

  /** From now on this session is the tail. */
  #use(link: Link): void {
    this.#current = link;
    if (this.#closing.signal.aborted) return;
    if (link.lost !== undefined) this.#lost(link, link.lost);
    else this.#after(this.#lifetimeMs(link), () => void this.#renew(link));
  }

  #lifetimeMs({ session }: Link): number {
    const leftMs = (session?.expiresAtMs ?? Number.NaN) - Date.now() - this.#timing.renewBeforeMs;
    const ms = Number.isNaN(leftMs) ? ASSUMED_LIFETIME_MS : leftMs;
    return Math.min(Math.max(ms, this.#timing.minRenewMs), MAX_TIMER_MS);
  }

  #receive({ role, isRetired }: Link, text: string): void {
    if (isRetired || this.#closing.signal.aborted) return;
    if (this.#overlap && !this.#overlap.passes(role, text)) return;
    const event = toTraceEvent(text, this.#params.workerName);
    if (event !== undefined) {
      this.#sink.push(event);
      this.#pressure.pushed();
      return;
    }
    this.#sink.dropped(1);
    this.#log(`tail of ${this.#params.workerName}: a message of ${text.length} characters is no trace event`);
  }

  /** A session's end is near: a new one takes over while the old one still delivers. */
  async #renew(old: Link): Promise<void> {
    if (this.#isReplacing || this.#current !== old || old.lost !== undefined) return;
    // Three sessions at a time could not be told apart.
    if (this.#isHandingOver) return this.#after(this.#timing.minRenewMs, () => void this.#renew(old));
    this.#isReplacing = true;
    old.role = 'old';
    const overlap = new TailOverlap();
    this.#overlap = overlap;
    let next: Link | undefined;
    try {
      next = await this.#openLink(this.#closing.signal, true);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      this.#log(`tail of ${this.#params.workerName}: not renewed yet: ${(error as Error).message}`);
    } finally {
      this.#isReplacing = false;
    }
    if (next) {
      void this.#handOver(old, next, overlap);
      if (old.lost !== undefined) this.#reportGap(old.lost);
      this.#use(next);
      return;
    }
    this.#overlap = undefined;
    if (old.lost !== undefined) this.#lost(old, old.lost);
    else this.#after(this.#timing.minRenewMs, () => void this.#renew(old));
  }

  /**
   * First the old session is read to where the new one began, so that events stay in order, though a consumer that is
   * behind makes it late. Then both are read for a while, and last the new one to where the old one ended.
   */
  async #handOver(old: Link, next: Link, overlap: TailOverlap): Promise<void> {
    const { maxPauseMs, overlapMs } = this.#timing;
    this.#isHandingOver = true;
    await Promise.race([old.session?.caughtUp(), this.#pass(maxPauseMs)]);
    next.isHeld = false;
    this.#read();
    await this.#pass(overlapMs);
    await old.session?.caughtUp();
    old.isRetired = true;
    await this.#retire(old);
    await this.#pass(overlapMs);
    await next.session?.caughtUp();
    if (this.#overlap === overlap) this.#overlap = undefined;
    this.#isHandingOver = false;
  }

  async #retire(link: Link): Promise<void> {
    await link.session?.close();
    this.#links.delete(link);
  }

  #lost(link: Link, why: string): void {
    link.lost = why;
    if (link !== this.#current || this.#isReplacing || this.#closing.signal.aborted) return;
    this.#log(`tail of ${this.#params.workerName}: the connection was lost: ${why}`);
    const now = Date.now();
    if (now - link.openedAtMs > this.#timing.maxBackoffMs) {
      this.#attempts = 0;
      this.#unhealthySinceMs = undefined;
    }
    this.#unhealthySinceMs ??= now;
    void this.#reconnect(link, why);
  }

  async #reconnect(lost: Link, why: string): Promise<void> {
    this.#isReplacing = true;
    void this.#retire(lost);
    const link = await this.#openAgain();
    this.#isReplacing = false;
    if (!link || this.#closing.signal.aborted) return;
    this.#reportGap(why);
    this.#use(link);
  }

  /** Tries until it succeeds, the tail is closed, or nothing more can be hoped for. */
  async #openAgain(): Promise<Link | undefined> {
    for (;;) {
      try {
        await abortableSleep(this.#backoffMs(), this.#closing.signal);
        return await this.#openLink(this.#closing.signal);
      } catch (error) {
        if (this.#closing.signal.aborted) return undefined;
        const failure = SidecarError.from(error);
        const isLate = Date.now() - (this.#unhealthySinceMs ?? 0) > this.#timing.giveUpMs;
        if (isFinal(failure) || isLate) {
          this.#end(failure);
          return undefined;
        }
        this.#log(`tail of ${this.#params.workerName}: not reconnected yet: ${failure.message}`);
      }
    }
  }

  /** The first attempt comes at once. */
  #backoffMs(): number {
    const attempt = this.#attempts++;
    if (attempt === 0) return 0;
    const ms = Math.min(this.#timing.backoffMs * 2 ** (attempt - 1), this.#timing.maxBackoffMs);
    return ms * (0.75 + Math.random() / 2);
  }

  #end({ code, message }: SidecarError): void {
    void this.close();
    if (code === 'not-found') this.#sink.end('worker-deleted');
    else this.#sink.end('error', { code, message });
  }

  #reportGap(why: string): void {
    const { workerName } = this.#params;
    const text = `The connection to Cloudflare was lost (${why}) and made anew. Events in between are missing.`;
    this.#sink.gap(gapEvent(workerName, text));
  }

  /** Never, once the tail is closed. */
  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#after(ms, resolve);
    });
  }

  #after(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    timer.unref();
    this.#timers.add(timer);
  }
}

/** Whether trying again can only fail again. */
function isFinal({ code, data }: SidecarError): boolean {
  if (code === 'network-error' || code === 'rate-limited') return false;
  const { status = 500 } = (data.cloudflare ?? {}) as { status?: number };
  return code !== 'cloudflare-error' || status < 500;
}
