import type { CloudflareClient } from '../cloudflare/client.js';
import type { AccountInfo, Params } from '../protocol/index.js';

/**
 * One Cloudflare account, real or local. Everything that API v4 can do goes through `client()`, which is
 * the official SDK's in both cases: only its `fetch` differs. The two members below it are what API v4 has no call for.
 */
export interface Account {
  /**
   * Who answers. Before the first `client()` the `id` is empty where wrangler has to be asked for the credentials, and
   * they do not say which account is theirs.
   */
  readonly info: AccountInfo;
  /** The official SDK's client, loaded at the first use; from then on `info.id` is the account id for its calls. */
  client(): Promise<CloudflareClient>;
  /** Sends one HTTP request to a deployed Worker. */
  invoke(workerName: string, request: Request): Promise<Response>;
  /** Opens a stream of trace events; resolves once events are being delivered. `signal` aborts the opening alone. */
  openTail(params: TailParams, sink: TailSink, signal: AbortSignal): Promise<TailSource>;
  /**
   * Refuses to work for a folder for which wrangler would sign in as somebody else.
   * @throws SidecarError `invalid-params`
   */
  checkFolder?: (folder: string) => Promise<void>;
  /** Ends everything the account runs. Can be called twice. */
  close(): Promise<void>;
}

export type TailParams = Params<'dashboard.tailLogs'>;

/** What every sink keeps without dropping, in characters of JSON. */
export const LOSSLESS_BACKLOG = 512 * 1024;
/** A sink has room, for a source that waits, once no more than this waits in it. */
export const ROOM_BACKLOG = 128 * 1024;

/** Where a tail's events go. A sink never throws and never blocks: it keeps a bounded amount and counts the rest. */
export interface TailSink {
  /** One trace event as JSON text, in Cloudflare's tail shape, already filtered. */
  push(eventJson: string): void;
  /**
   * Characters of JSON that wait for the consumer. A source that can wait keeps this under {@link LOSSLESS_BACKLOG},
   * and is over once it is 0; then nothing is dropped. A Worker's events cannot wait.
   */
  readonly backlogLength?: number;
  /** Calls `then` once, when no more than {@link ROOM_BACKLOG} waits. A later call replaces an earlier one. */
  whenRoom?(then: () => void): void;
  /** Events that were lost before they got here (sampling, overload, a reconnect). */
  dropped(count: number): void;
  /**
   * The source was opened anew: events may be missing between those before and those after, uncounted. A sink never drops
   * it, several may become one. `eventJson` is the place told as an event, by a source that has its own words for it.
   */
  gap(eventJson?: string): void;
  /** The source has ended by itself. Called at most once, last. */
  end(
    reason: 'worker-deleted' | 'account-closed' | 'expired' | 'error',
    error?: { code: string; message: string },
  ): void;
}

export interface TailSource {
  /** Ends the stream at its source. Can be called twice. */
  close(): Promise<void>;
}
