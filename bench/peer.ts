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
  /** Opens a tail. `onLines` hears of lines as the consumer has them in the form it asked for. */
  tail?(load: TailLoad, form: TailForm, onLines: (delivered: TailDelivery) => void): Promise<TailHandle>;
  /** Ends the child too. Can be called twice. */
  close(): Promise<void>;
}

/**
 * What the main thread has of an event when it counts as delivered: its text, to be forwarded; the bytes,
 * decoded when somebody looks (nobody does); or the parsed object.
 */
export type TailForm = 'text' | 'lazy' | 'parsed';

export interface TailDelivery {
  lines: number;
  /** Lines the product reports as left out before these. */
  dropped: number;
  /** A sample, to be checked. */
  sample?: unknown;
}

export interface TailHandle {
  /** Settles when the source has ended by itself. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}
