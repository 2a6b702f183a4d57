import { readFile, writeFile } from 'node:fs/promises';
import type { Machine, RunResults } from '../results.js';
import { caseRows, caseTitle, goalRows, goalSummary } from './rows.js';

const START = '<!-- bench:start -->';
const END = '<!-- bench:end -->';

/** Writes the tables to `path`; where the file has the two bench marks, only what stands between them changes. */
export async function writeMarkdown(path: string, results: RunResults): Promise<void> {
  const tables = `${START}\n\n${markdownReport(results)}\n${END}`;
  const before = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const [from, to] = [before.indexOf(START), before.indexOf(END)];
  const text =
    from >= 0 && to > from ? before.slice(0, from) + tables + before.slice(to + END.length) : `${tables}\n`;
  await writeFile(path, text);
}

export function markdownReport(results: RunResults): string {
  const parts = [machineText(results.machine, results)];
  for (const scenario of results.scenarios) {
    parts.push(`### ${scenario.title}\n\n${scenario.about}\nRatios are to ${scenario.reference}.`);
    for (const measured of scenario.cases) {
      parts.push(`**${caseTitle(measured)}**\n\n${markdownTable(caseRows(scenario, measured))}`);
    }
  }
  if (results.goals.length > 0) {
    parts.push(`### Goals\n\n${goalSummary(results.goals)}\n\n${markdownTable(goalRows(results.goals))}`);
  }
  return `${parts.join('\n\n')}\n`;
}

function markdownTable(rows: string[][]): string {
  const [heading = [], ...body] = rows;
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  const rule = heading.map((_, column) => (column === 0 ? '---' : '---:'));
  return [line(heading), line(rule), ...body.map(line)].join('\n');
}

export function machineText(machine: Machine, run: RunResults): string {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  return (
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.os}, Node ${machine.node}; ` +
    `${versions.join(', ')}. Run of ${run.startedAt.slice(0, 16).replace('T', ' ')} UTC, ${run.durationSeconds} s` +
    `${run.quick ? ', quick' : ''}, load average ${machine.loadBefore.toFixed(1)} before and ${run.loadAfter.toFixed(1)} after it.`
  );
}
