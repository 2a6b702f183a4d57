import type { GoalResult } from '../goals.js';
import type { ScenarioResult } from '../results.js';
import { caseRows, caseTitle, goalRows, goalSummary } from './rows.js';

/** A scenario's results for the terminal. */
export function scenarioTable(scenario: ScenarioResult): string {
  const parts = scenario.cases.map(
    (measured) => `  ${caseTitle(measured)}\n${alignRows(caseRows(scenario, measured), '    ')}`,
  );
  return `\n${scenario.title}: ratios to ${scenario.reference}\n${parts.join('\n')}\n`;
}

/** The goals for the terminal. */
export function goalTable(goals: readonly GoalResult[]): string {
  if (goals.length === 0) return '';
  return `\nGoals\n${alignRows(goalRows(goals), '    ')}\n  ${goalSummary(goals)}\n`;
}

function alignRows(rows: string[][], indent: string): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => {
      const cells = row.map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      );
      return indent + cells.join('  ');
    })
    .join('\n');
}
