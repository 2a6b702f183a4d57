import { fitsAnother } from './budget.js';
import { Host } from './hosts.js';
import { type CaseResult, caseResult, type ScenarioResult } from './results.js';
import type { Case, Sample, Scenario } from './scenario.js';

export interface SuiteOptions {
  quick: boolean;
  /** How long this scenario may take. */
  budgetMs: number;
  builtFolder: string;
  /** Which peers may take part; the reference always does. */
  admits(peer: string): boolean;
  progress(text: string): void;
}

/** By then the compilers of all sides have done what they will. */
const WARM_UP_MS = 400;

/** Runs one scenario: its peers in turns, round after round, case by case. */
export async function runScenario(scenario: Scenario, options: SuiteOptions): Promise<ScenarioResult> {
  const startedAt = performance.now();
  const reference = scenario.peers[0];
  if (reference === undefined) throw new Error(`The scenario ${scenario.name} has no peers.`);
  const takePart = (options.quick && scenario.quickPeers) || scenario.peers;
  const names = takePart.filter((name) => name === reference || options.admits(name));
  const hosts = new Map(names.map((name) => [name, new Host(options.builtFolder, scenario.name, name)]));
  const chosen = scenario.cases.filter((measured) => !(options.quick && measured.slow));
  const cases: CaseResult[] = [];
  try {
    for (const [index, measured] of chosen.entries()) {
      const leftMs = options.budgetMs - (performance.now() - startedAt);
      const budgetMs = leftMs / (chosen.length - index);
      const samples = await runCase(scenario, measured, hosts, { ...options, budgetMs }, index === 0);
      cases.push(caseResult(measured, scenario.metrics, samples, reference));
    }
  } finally {
    await Promise.all([...hosts.values()].map((host) => host.close()));
  }
  const { name, title, about, metrics } = scenario;
  return { name, title, about, metrics, reference, cases };
}

async function runCase(
  scenario: Scenario,
  measured: Case,
  hosts: ReadonlyMap<string, Host>,
  { quick, budgetMs, progress }: SuiteOptions,
  isFirst: boolean,
): Promise<Map<string, Sample[]>> {
  const startedAt = performance.now();
  const names = [...hosts.keys()].filter((name) => measured.peers?.includes(name) ?? true);
  const samples = new Map<string, Sample[]>(names.map((name) => [name, []]));
  const rounds = quick ? (scenario.quickRounds ?? 2) : scenario.rounds;
  const sliceMs = quick ? scenario.sliceMs / 2 : scenario.sliceMs;
  // Only the first case meets cold compilers.
  const warmUpMs = quick || !isFirst ? sliceMs : Math.max(WARM_UP_MS, sliceMs);
  const roundMs: number[] = [];
  for (let round = scenario.warmUp === false ? 1 : 0; round <= rounds; round++) {
    if (!fitsAnother(roundMs, performance.now() - startedAt, budgetMs)) break;
    progress(
      `${scenario.name}: ${measured.name}, ${round === 0 ? 'warm-up' : `round ${round} of at most ${rounds}`}`,
    );
    const roundAt = performance.now();
    // The order turns with every round, so that nobody always runs after the same neighbour.
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round) % names.length] as string;
      const sample = await hosts.get(name)?.measure(measured.name, round === 0 ? warmUpMs : sliceMs);
      if (round > 0 && sample) samples.get(name)?.push(sample);
    }
    if (round > 0) roundMs.push(performance.now() - roundAt);
  }
  return samples;
}
