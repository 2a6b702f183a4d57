import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { resolve } from 'node:path';
import { allot, RUN_SECONDS } from './budget.js';
import { buildBench } from './build.js';
import { goalList } from './goal-list.js';
import { goalResults } from './goals.js';
import { describeMachine } from './machine.js';
import { type BenchOptions, parseOptions, USAGE } from './options.js';
import { peers } from './peers/index.js';
import { htmlReport } from './report/html.js';
import { writeMarkdown } from './report/markdown.js';
import { goalTable, scenarioTable } from './report/table.js';
import type { RunResults, ScenarioResult } from './results.js';
import type { Scenario } from './scenario.js';
import { scenarios } from './scenarios/index.js';
import { runScenario } from './suite.js';

async function main(options: BenchOptions): Promise<void> {
  const chosen = scenarios.filter(
    (scenario) =>
      secondsOf(scenario, options) > 0 &&
      (options.filter.length === 0 || options.filter.some((text) => scenario.name.includes(text))),
  );
  if (options.list) return list(chosen);
  if (chosen.length === 0) throw new Error(`No scenario matches ${options.filter.join(', ')}.`);
  // Read by every process of the run.
  if (options['cpu-profile']) process.env.BENCH_CPU_PROFILE = resolve(options['cpu-profile']);
  const results = await runAll(chosen, options);
  process.stdout.write(goalTable(results.goals));
  if (options.json) await writeFile(options.json, `${JSON.stringify(results, null, 1)}\n`);
  if (options.markdown) await writeMarkdown(options.markdown, results);
  if (options.html) await writeFile(options.html, await htmlReport(results));
}

async function runAll(chosen: readonly Scenario[], options: BenchOptions): Promise<RunResults> {
  const startedAt = new Date();
  const admits = (peer: string) =>
    options.peer.length === 0 || options.peer.some((text) => peer.includes(text));
  const machine = describeMachine();
  const built = await buildBench({
    synthetic: chosen.some(
      (scenario) =>
        scenario.synthetic && scenario.peers.some((peer) => peer.startsWith('sidecar') && admits(peer)),
    ),
  });
  const results: ScenarioResult[] = [];
  try {
    for (const [index, scenario] of chosen.entries()) {
      const asked = chosen.slice(index).map((one) => secondsOf(one, options));
      const left = RUN_SECONDS[options.quick ? 'quick' : 'full'] - performance.now() / 1000;
      const result = await runScenario(scenario, {
        quick: options.quick,
        budgetMs: allot(asked, left) * 1000,
        builtFolder: built.folder,
        admits,
        progress: (text) => process.stderr.write(`${seconds(startedAt).padStart(5)}s ${text}\n`),
      });
      results.push(result);
      process.stdout.write(scenarioTable(result));
    }
  } finally {
    await built.remove();
  }
  return {
    machine,
    quick: options.quick,
    startedAt: startedAt.toISOString(),
    loadAfter: loadavg()[0] ?? Number.NaN,
    durationSeconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
    scenarios: results,
    goals: goalResults(goalList, results),
  };
}

/** What a scenario asks for; 0 leaves it out. */
function secondsOf({ seconds }: Scenario, { quick }: BenchOptions): number {
  return quick ? seconds.quick : seconds.full;
}

function seconds(since: Date): string {
  return ((Date.now() - since.getTime()) / 1000).toFixed(0);
}

function list(chosen: readonly Scenario[]): void {
  for (const scenario of chosen) process.stdout.write(`${scenario.name.padEnd(14)} ${scenario.title}\n`);
  for (const peer of peers) process.stdout.write(`  ${peer.name.padEnd(24)} ${peer.about}\n`);
}

try {
  await main(parseOptions(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : error}\n${USAGE}\n`);
  process.exitCode = 1;
}
