import type { GoalResult } from '../goals.js';
import type { CaseResult, PeerResult, ScenarioResult } from '../results.js';
import { figureText, goalFigureText, ratioText, spreadText } from './format.js';

/** One case as rows of text, the heading first; terminal, Markdown and HTML show the same. */
export function caseRows(scenario: ScenarioResult, measured: CaseResult): string[][] {
  const [main, ...others] = scenario.metrics;
  if (!main) return [];
  const heading = ['peer', main.label, 'spread', `ratio`, ...others.map((metric) => metric.label), 'runs'];
  const row = (peer: PeerResult) => {
    const figure = peer.figures[main.key];
    return [
      peer.name,
      figureText(figure, main),
      spreadText(figure),
      ratioText(figure),
      ...others.map((metric) => figureText(peer.figures[metric.key], metric)),
      String(figure?.runs ?? 0),
    ];
  };
  return [heading, ...measured.peers.map(row)];
}

export function caseTitle(measured: CaseResult): string {
  return `${measured.name} (payload ${measured.payload}, concurrency ${measured.concurrency})`;
}

/** The goals as rows of text, the heading first. */
export function goalRows(goals: readonly GoalResult[]): string[][] {
  const outcome = ({ reached }: GoalResult) =>
    reached === null ? 'not in this run' : reached ? 'reached' : 'not reached';
  return [
    ['goal', 'wanted', 'figure', 'outcome'],
    ...goals.map((goal) => [goal.what, goal.goal, goalFigureText(goal), outcome(goal)]),
  ];
}

/** How many of those that were measured. */
export function goalSummary(goals: readonly GoalResult[]): string {
  const measured = goals.filter(({ reached }) => reached !== null);
  return `${measured.filter(({ reached }) => reached).length} of ${measured.length} goals reached.`;
}
