import type { Peer, PeerOptions, PeerSession } from './peer.js';

/** One thing to measure: its cases, who takes part, and what one slice of one peer is. */
export interface Scenario {
  /** For `--filter`. */
  name: string;
  title: string;
  /** What is done and what counts, in a few sentences; the report shows it. */
  about: string;
  cases: readonly Case[];
  /** The rows of its tables, names of peers as a rule; the first is the one ratios are taken to. */
  peers: readonly string[];
  /** With `--quick` only these take part: every peer costs the start of two processes. */
  quickPeers?: readonly string[];
  /** The peer behind a row, where the row is named otherwise. */
  peerOf?: Readonly<Record<string, string>>;
  metrics: readonly Metric[];
  /** Ours runs with the bench's synthetic account. */
  synthetic?: boolean;
  /** How long it may take, set-up and warm-up included: as many rounds are made as fit, and at least one. */
  seconds: { full: number; quick: number };
  /** Interleaved rounds that count, at the most; one more goes before them as a warm-up. */
  rounds: number;
  /** False where a round leaves nothing warm behind. */
  warmUp?: false;
  /** With `--quick`, where it is not 2. */
  quickRounds?: number;
  /** How long a slice that is bound by time lasts. */
  sliceMs: number;
  /** One slice of one peer, in that peer's own process. Throws when an answer is wrong. */
  measure(context: MeasureContext): Promise<Sample>;
}

export interface Case {
  name: string;
  /** As tables show it. */
  payload: string;
  /** Calls in flight at a time; lines a second where it is a rate. */
  concurrency: number | string;
  /** Only these peers take part, where not all can. */
  peers?: readonly string[];
  /** Left out with `--quick`. */
  slow?: boolean;
  settings: Readonly<Record<string, number | string>>;
}

export interface Metric {
  key: string;
  label: string;
  /** Which way is good. */
  better: 'higher' | 'lower';
  digits?: number;
  /** The report plots it. */
  plot?: boolean;
}

/** Figures of one slice by metric key. */
export type Sample = Record<string, number>;

export interface MeasureContext {
  peerName: string;
  /** Throws where the name stands for something that is no peer. */
  readonly peer: Peer;
  case: Case;
  sliceMs: number;
  /** The peer's session, started at the first use and kept for the scenario. */
  session(options?: PeerOptions): Promise<PeerSession>;
  /** The same for whatever a scenario measures that is no peer's session: one a process. */
  keep<T extends Closable>(open: () => Promise<T>): Promise<T>;
}

export interface Closable {
  close(): Promise<void>;
}

/** A number among a case's settings. */
export function setting(from: Case, key: string): number {
  const value = from.settings[key];
  if (typeof value !== 'number') throw new Error(`The case "${from.name}" has no number "${key}".`);
  return value;
}
