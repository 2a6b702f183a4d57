import type { TraceEvent } from '../src/protocol/index.js';
import { decode } from './raw-result.js';

/**
 * Stands in a stream where events may be missing: the CLI was started anew, or another process that ran the local
 * Workers has ended and one took over.
 */
export interface TailGap {
  readonly gap: true;
  readonly reason: 'restarted' | 'owner-changed';
}

/** Tells a gap from a trace event. */
export function isTailGap(item: TraceEvent | TailGap): item is TailGap {
  return 'gap' in item && item.gap === true;
}

/** Events that arrived together, still as the bytes they came in: a UI that only forwards them need not parse. */
export class TailBatch {
  /** Counts from 0 since the tail was (re)opened. */
  readonly seq: number;
  /** Events left out between the batch before and this one. */
  readonly dropped: number;
  /** The events as a JSON array, in UTF-8. */
  readonly bytes: Uint8Array;
  /** Set on an empty batch that stands for a gap. */
  readonly gap: TailGap | undefined;

  constructor(seq: number, dropped: number, bytes: Uint8Array, gap?: TailGap) {
    this.seq = seq;
    this.dropped = dropped;
    this.bytes = bytes;
    this.gap = gap;
  }

  /** The events as the text of a JSON array. */
  text(): string {
    return decode(this.bytes);
  }

  /** The events, parsed. */
  events(): TraceEvent[] {
    return JSON.parse(this.text()) as TraceEvent[];
  }
}

export function gapBatch(reason: TailGap['reason'], seq = 0, dropped = 0): TailBatch {
  return new TailBatch(seq, dropped, new Uint8Array([0x5b, 0x5d]), { gap: true, reason });
}
