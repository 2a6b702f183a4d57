/** What a whole run may take, building included, on a machine that does nothing else. */
export const RUN_SECONDS = { full: 290, quick: 56 } as const;

/**
 * The share of the next scenario, in seconds: what it asks for, or less when what it and all after it ask for is more
 * than is left. One that took too long makes those after it shorter.
 * @param asked seconds that this scenario and those after it ask for, this one first.
 */
export function allot(asked: readonly number[], leftSeconds: number): number {
  const sum = asked.reduce((total, seconds) => total + seconds, 0);
  return (asked[0] ?? 0) * Math.min(1, Math.max(0, leftSeconds) / sum);
}

/** Whether another round fits: one that takes as long as the longest so far. There is always a first. */
export function fitsAnother(roundMs: readonly number[], elapsedMs: number, budgetMs: number): boolean {
  return roundMs.length === 0 || elapsedMs + Math.max(...roundMs) <= budgetMs;
}
