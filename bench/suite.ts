import { Host } from './hosts.js';
import { type CaseResult, caseResult, type ScenarioResult } from './results.js';
import type { Case, Sample, Scenario } from './scenario.js';

export interface SuiteOptions {
  quick: boolean;
  builtFolder: string;
  /** Which peers may take part; the reference always does. */
  admits(peer: string): boolean;
  progress(text: string): void;
}

/** By then the compilers of all sides have done what they will. */
const WARM_UP_MS = 400;

/** Runs one scenario: its peers in turns, round after round, case by case. */
export async function runScenario(scenario: Scenario, options: SuiteOptions): Promise<ScenarioResult> {
  const reference = scenario.peers[0];
  if (reference === undefined) throw new Error(`The scenario ${scenario.name} has no peers.`);
  const names = scenario.peers.filter((name) => name === reference || options.admits(name));
  const hosts = new Map(names.map((name) => [name, new Host(options.builtFolder, scenario.name, name)]));
  const cases: CaseResult[] = [];
  try {
    for (const measured of scenario.cases) {
      if (options.quick && measured.slow) continue;
      const samples = await runCase(scenario, measured, hosts, options);
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
  options: SuiteOptions,
): Promise<Map<string, Sample[]>> {
  const names = [...hosts.keys()].filter((name) => measured.peers?.includes(name) ?? true);
  const samples = new Map<string, Sample[]>(names.map((name) => [name, []]));
  const rounds = roundsOf(scenario, options.quick);
  const sliceMs = options.quick ? scenario.sliceMs / 2 : scenario.sliceMs;
  const warmUpMs = options.quick ? sliceMs : Math.max(WARM_UP_MS, sliceMs);
  for (let round = scenario.warmUp === false ? 1 : 0; round <= rounds; round++) {
    options.progress(
      `${scenario.name}: ${measured.name}, ${round === 0 ? 'warm-up' : `round ${round} of ${rounds}`}`,
    );
    // The order turns with every round, so that nobody always runs after the same neighbour.
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round) % names.length] as string;
      const sample = await hosts.get(name)?.measure(measured.name, round === 0 ? warmUpMs : sliceMs);
      if (round > 0 && sample) samples.get(name)?.push(sample);
    }
  }
  return samples;
}

export function roundsOf(scenario: Scenario, quick: boolean): number {
  return quick ? (scenario.quickRounds ?? 2) : scenario.rounds;
}
