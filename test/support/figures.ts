import { appendFileSync } from 'node:fs';

/** What share of the full counts this run does: 1 in `npm run test:long`, a tenth in `npm test`. */
const SCALE = Number(process.env.FF_TEST_SCALE ?? '0.1');

/** `count` of a full run, as many as this one does; at least one. */
export function scaled(count: number): number {
  return Math.max(1, Math.round(count * SCALE));
}

/**
 * As many of `items` as this run does, spread over all of them. They are products of a few short lists: the step is
 * a prime, so that it does not meet the same member of one of those each time.
 */
export function sampled<T>(items: readonly T[]): readonly T[] {
  return SCALE >= 1 ? items : items.filter((_, index) => index % 11 === 0);
}

/** Whether times are judged: in the full run, which has the machine to itself. Elsewhere they are only told. */
export const judgesTimes = SCALE >= 1;

/** One line of the table that the runner prints at the end. */
export interface Figure {
  test: string;
  goal: string;
  reached: string;
}

/** Adds a line to that table. A file that is run by itself prints it. */
export function record(figure: Figure): void {
  const file = process.env.FF_TEST_FIGURES;
  if (file === undefined) console.log(`${figure.test}: ${figure.reached} (goal: ${figure.goal})`);
  else appendFileSync(file, `${JSON.stringify(figure)}\n`);
}
