import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { htmlReport } from '../../bench/report/html.js';
import { markdownReport, writeMarkdown } from '../../bench/report/markdown.js';
import { goalTable, scenarioTable } from '../../bench/report/table.js';
import { caseResult, type RunResults } from '../../bench/results.js';

const metrics = [
  { key: 'speed', label: 'calls/s', better: 'higher', plot: true },
  { key: 'cost', label: 'µs', better: 'lower', digits: 1 },
] as const;
const samples = new Map([
  [
    'stock',
    [
      { speed: 1000, cost: 10 },
      { speed: 1100, cost: 12 },
    ],
  ],
  [
    'sidecar </script>',
    [
      { speed: 3000, cost: 2 },
      { speed: 2200, cost: 3 },
    ],
  ],
]);
const cases = ['16', '64', '256'].map((name) =>
  caseResult({ name, payload: '64 B', concurrency: Number(name), settings: {} }, metrics, samples, 'stock'),
);
const results: RunResults = {
  machine: {
    cpu: 'a cpu',
    cores: 2,
    memoryGiB: 8,
    os: 'Linux 6',
    node: 'v20.19.0',
    versions: { comlink: '4.4.2' },
    loadBefore: 0.1,
  },
  quick: false,
  startedAt: '2026-01-02T03:04:05.000Z',
  durationSeconds: 10,
  loadAfter: 1.5,
  goals: [
    { what: 'calls of stock', goal: '>= 2x', figure: 2.512, unit: 'x', reached: true },
    { what: 'p99', goal: '<= 10 ms', figure: 12.34, unit: 'ms', reached: false },
    { what: 'memory', goal: '<= 14 MiB', figure: null, unit: 'MiB', reached: null },
  ],
  scenarios: [
    { name: 'calls', title: 'Calls', about: 'Pings.', metrics, reference: 'stock', cases },
    {
      name: 'one',
      title: 'One case',
      about: 'Bars.',
      metrics,
      reference: 'stock',
      cases: cases.slice(0, 1),
    },
  ],
};

test('the table states medians, the ratio to the reference and how many runs they come from', () => {
  const [, row] = /^ +(sidecar.*)$/m.exec(scenarioTable(results.scenarios[0] as never)) ?? [];
  assert.match(row ?? '', /2,600 .* 2\.50x +2\.5 +2$/);
});

test('goals are shown with what was reached, in the terminal, in Markdown and in HTML', async () => {
  const table = goalTable(results.goals);
  assert.match(table, /calls of stock +>= 2x +2\.51x +reached\n/);
  assert.match(table, /p99 +<= 10 ms +12\.3 ms +not reached\n/);
  assert.match(table, /memory +<= 14 MiB +– +not in this run\n/);
  assert.match(table, /1 of 2 goals reached\./);
  assert.match(markdownReport(results), /\| p99 \| <= 10 ms \| 12\.3 ms \| not reached \|/);
  assert.match(await htmlReport(results), /<td>12\.3 ms<\/td><td>not reached<\/td>/);
});

test('the HTML report is one file that asks for no other, and its figures can not end its script', async () => {
  const html = await htmlReport(results);
  assert.doesNotMatch(html, /\s(?:src|href)=/);
  assert.equal(html.match(/<\/script>/g)?.length, 3);
});

test('the HTML report draws every metric that asks for a plot, with a column of its own for every line', async () => {
  const html = await htmlReport(results);
  const [, data] = /<script type="application\/json" id="results">(.*?)<\/script>/s.exec(html) ?? [];
  const plots = await readFile(new URL('../../bench/report/plots.js', import.meta.url), 'utf8');
  const drawn: { options: { series: unknown[] }; columns: unknown[][] }[] = [];
  class FakePlot {
    static paths = { bars: () => () => null };
    constructor(options: { series: unknown[] }, columns: unknown[][]) {
      drawn.push({ options, columns });
    }
  }
  const document = { getElementById: () => ({ textContent: data }), querySelector: () => ({}) };
  runInNewContext(plots, { document, uPlot: FakePlot });
  assert.equal(drawn.length, 2);
  for (const { options, columns } of drawn) {
    assert.equal(options.series.length, columns.length);
    assert.ok(columns.every((column) => column.length === columns[0]?.length));
  }
});

test('Markdown replaces what stands between the marks of a page and nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bench-report-'));
  try {
    const page = join(folder, 'page.md');
    await writeFile(page, 'before\n<!-- bench:start -->\nold\n<!-- bench:end -->\nafter\n');
    await writeMarkdown(page, results);
    const text = await readFile(page, 'utf8');
    assert.match(
      text,
      /^before\n<!-- bench:start -->.*a cpu, 2 cores.*\| stock \| 1,050 \|.*<!-- bench:end -->\nafter\n$/s,
    );
    assert.doesNotMatch(text, /\bold\b/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
