import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunResults, ScenarioResult } from '../results.js';
import { machineText } from './markdown.js';
import { caseRows, caseTitle, goalRows, goalSummary } from './rows.js';

/** The report as one file that opens from disk: the plotting library and the figures are inside. */
export async function htmlReport(results: RunResults): Promise<string> {
  const uplot = dirname(createRequire(import.meta.url).resolve('uplot'));
  const [library, librarystyle, plots, style] = await Promise.all([
    readFile(join(uplot, 'uPlot.iife.min.js'), 'utf8'),
    readFile(join(uplot, 'uPlot.min.css'), 'utf8'),
    readFile(fileURLToPath(new URL('./plots.js', import.meta.url)), 'utf8'),
    readFile(fileURLToPath(new URL('./report.css', import.meta.url)), 'utf8'),
  ]);
  // In a script element only "</" could end it, and JSON has no other meaning for "<".
  const data = JSON.stringify(results).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Fluorite Flake benchmarks</title><style>${librarystyle}\n${style}</style></head>
<body><h1>Fluorite Flake benchmarks</h1>
<p>${escapeHtml(machineText(results.machine, results))}</p>
<p>Medians of interleaved rounds. A dot is one round, a bar or line the median; ratios are taken round by round.</p>
${results.scenarios.map(scenarioSection).join('\n')}
${goalSection(results)}
<script type="application/json" id="results">${data}</script>
<script>${library}</script><script>${plots}</script></body></html>
`;
}

function scenarioSection(scenario: ScenarioResult): string {
  const tables = scenario.cases.map(
    (measured) => `<h3>${escapeHtml(caseTitle(measured))}</h3>${htmlTable(caseRows(scenario, measured))}`,
  );
  return `<section><h2>${escapeHtml(scenario.title)}</h2><p>${escapeHtml(scenario.about)}</p>
<div class="plots" data-scenario="${escapeHtml(scenario.name)}"></div>
<details${scenario.cases.length < 3 ? ' open' : ''}><summary>Tables; ratios to ${escapeHtml(scenario.reference)}</summary>${tables.join('')}</details></section>`;
}

function goalSection({ goals }: RunResults): string {
  if (goals.length === 0) return '';
  return `<section><h2>Goals</h2><p>${escapeHtml(goalSummary(goals))}</p>${htmlTable(goalRows(goals))}</section>`;
}

function htmlTable([heading = [], ...body]: string[][]): string {
  const cells = (row: string[], tag: string) =>
    `<tr>${row.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
  return `<table><thead>${cells(heading, 'th')}</thead><tbody>${body.map((row) => cells(row, 'td')).join('')}</tbody></table>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
