/** The middle value; NaN of nothing, so that a missing figure can not pass for a good one. */
export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** The `p`-th percentile (0 to 100), interpolated between the two nearest ranks. NaN of nothing. */
export function percentile(values: ArrayLike<number>, p: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = Float64Array.from(values).sort();
  const rank = (Math.min(100, Math.max(0, p)) / 100) * (sorted.length - 1);
  const below = Math.floor(rank);
  const low = sorted[below] ?? Number.NaN;
  const high = sorted[below + 1] ?? low;
  return low + (high - low) * (rank - below);
}

export interface Summary {
  median: number;
  min: number;
  max: number;
  runs: number;
}

export function summarise(values: readonly number[]): Summary {
  return {
    median: median(values),
    min: percentile(values, 0),
    max: percentile(values, 100),
    runs: values.length,
  };
}

/**
 * How many times `values` are `reference`, round by round, as a median: rounds are interleaved, so that a
 * slow second of the machine hits both sides of one round and leaves its ratio alone.
 * Rounds that one side lacks are left out.
 */
export function pairedRatio(values: readonly number[], reference: readonly number[]): number {
  const ratios: number[] = [];
  for (let round = 0; round < Math.min(values.length, reference.length); round++) {
    const ratio = (values[round] ?? Number.NaN) / (reference[round] ?? Number.NaN);
    if (Number.isFinite(ratio)) ratios.push(ratio);
  }
  return median(ratios);
}
