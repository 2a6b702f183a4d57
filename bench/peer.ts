/** One way to talk to a child, as the suite drives it: started, called, closed. */
export interface Peer {
  /** Unique, as tables show it. */
  name: string;
  /** What it is, in half a sentence. */
  about: string;
  start(options?: PeerOptions): Promise<PeerSession>;
}

export interface PeerOptions {
  /** The child's account is the bench's own, which emits log lines at any rate; its server stays the peer's. */
  synthetic?: boolean;
  /** Where a server plays Cloudflare's API: the child's account is the cloud one, with this as its base URL. */
  cloud?: string;
}

/** What the child's log source emits. */
export interface TailLoad {
  /** Lines a second; 0 is a flood. */
  linesPerSecond: number;
  /** How many lines in all; 0 is until the tail is stopped. */
  lines: number;
  /** Size of one event's JSON text. */
  lineBytes: number;
}

export interface PeerSession {
  call(method: string, params: unknown): Promise<unknown>;
  /** A call whose result is handed over as bytes; absent where a peer has nothing like it. */
  callRaw?(method: string, params: unknown): Promise<RawAnswer>;
  /** Opens a tail; absent where a peer has nothing like it. */
  tail?(load: TailLoad, form: TailForm, onLines: TailConsumer): Promise<TailHandle>;
  /** Ends the child too. Can be called twice. */
  close(): Promise<void>;
}

/** A result as it came: its bytes, its text, or parsed now. */
export interface RawAnswer {
  readonly bytes: Uint8Array;
  text(): string;
  json(): unknown;
}

/**
 * What the main thread has of an event when it counts as delivered: its text, to be forwarded; the bytes,
 * decoded when somebody looks (nobody does); or the parsed object. A peer that has only objects gives those.
 */
export type TailForm = 'text' | 'lazy' | 'parsed';

/** Hears of lines as they are delivered. One that returns a promise is waited for by a peer that can wait. */
export type TailConsumer = (delivered: TailDelivery) => Promise<void> | undefined;

export interface TailDelivery {
  lines: number;
  /** One of them, parsed, to be checked. */
  sample(): unknown;
}

export interface TailHandle {
  /** Settles when the source has ended by itself, or the tail was stopped. */
  readonly ended: Promise<void>;
  /** Lines reported as left out so far. */
  dropped(): number;
  stop(): Promise<void>;
}
