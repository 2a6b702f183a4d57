import type { Figure, ScenarioResult } from './results.js';
import { median, pairedRatio } from './stats.js';

/** One figure that was set out to be reached. */
export interface Goal {
  what: string;
  scenario: string;
  case: string;
  row: string;
  metric: string;
  /** The figure is a ratio to another row's or another metric's, taken round by round; else it is a median. */
  to?: { row?: string; metric?: string };
  /** The figure is what it is more than another metric of its row, round by round. */
  above?: string;
  unit: string;
  atLeast?: number;
  atMost?: number;
}

export interface GoalResult {
  what: string;
  /** As people read it: `>= 7x`. */
  goal: string;
  /** null where this run did not measure it. */
  figure: number | null;
  unit: string;
  reached: boolean | null;
}

/** How every goal of a measured scenario came out. */
export function goalResults(goals: readonly Goal[], scenarios: readonly ScenarioResult[]): GoalResult[] {
  const measured = goals.filter((goal) => scenarios.some(({ name }) => name === goal.scenario));
  return measured.map((goal) => {
    const { what, unit, atLeast, atMost } = goal;
    const limit = atLeast !== undefined ? `>= ${atLeast}` : `<= ${atMost}`;
    const figure = figureOf(goal, scenarios);
    const result = { what, goal: limit + unitText(unit), unit };
    if (!Number.isFinite(figure)) return { ...result, figure: null, reached: null };
    const reached = figure >= (atLeast ?? -Infinity) && figure <= (atMost ?? Infinity);
    return { ...result, figure, reached };
  });
}

/** `x` stands at its number, other units apart from it. */
export function unitText(unit: string): string {
  return unit === 'x' || unit === '' ? unit : ` ${unit}`;
}

function figureOf({ to, above, ...goal }: Goal, scenarios: readonly ScenarioResult[]): number {
  const measured = scenarios
    .find(({ name }) => name === goal.scenario)
    ?.cases.find(({ name }) => name === goal.case);
  const figure = (row: string, metric: string): Figure | undefined =>
    measured?.peers.find(({ name }) => name === row)?.figures[metric];
  const values = figure(goal.row, goal.metric)?.values ?? [];
  if (above !== undefined) {
    const base = figure(goal.row, above)?.values ?? [];
    return median(values.map((value, round) => value - (base[round] ?? Number.NaN)));
  }
  if (to === undefined) return median(values);
  return pairedRatio(values, figure(to.row ?? goal.row, to.metric ?? goal.metric)?.values ?? []);
}
