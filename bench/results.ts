import type { GoalResult } from './goals.js';
import type { Case, Metric, Sample } from './scenario.js';
import { pairedRatio, type Summary, summarise } from './stats.js';

/** Everything a run found, as `--json` writes it and the reports read it. */
export interface RunResults {
  machine: Machine;
  quick: boolean;
  startedAt: string;
  durationSeconds: number;
  /** Load average of the last minute; the suite itself is good for 2 to 3. */
  loadAfter: number;
  scenarios: ScenarioResult[];
  goals: GoalResult[];
}

export interface Machine {
  cpu: string;
  cores: number;
  memoryGiB: number;
  os: string;
  node: string;
  versions: Record<string, string>;
  /** Load average of the last minute before the run: over 0.5 a core, something else was running. */
  loadBefore: number;
}

export interface ScenarioResult {
  name: string;
  title: string;
  about: string;
  metrics: readonly Metric[];
  /** The peer that ratios are taken to. */
  reference: string;
  cases: CaseResult[];
}

export interface CaseResult {
  name: string;
  payload: string;
  concurrency: number | string;
  peers: PeerResult[];
}

export interface PeerResult {
  name: string;
  /** By metric key. */
  figures: Record<string, Figure>;
}

export interface Figure extends Summary {
  /** To the reference's, round by round, as a median; NaN (null in JSON) for metrics it does not have. */
  ratio: number;
  /** One value a round. */
  values: number[];
}

/** The figures of one case from each peer's samples, one a round. */
export function caseResult(
  measured: Case,
  metrics: readonly Metric[],
  samples: ReadonlyMap<string, readonly Sample[]>,
  reference: string,
): CaseResult {
  const valuesOf = (peer: string, key: string) =>
    (samples.get(peer) ?? []).map((sample) => sample[key] ?? Number.NaN);
  const peers = [...samples.keys()].map((name) => ({
    name,
    figures: Object.fromEntries(
      metrics.map(({ key }) => {
        const values = valuesOf(name, key);
        return [key, { ...summarise(values), ratio: pairedRatio(values, valuesOf(reference, key)), values }];
      }),
    ),
  }));
  return { name: measured.name, payload: measured.payload, concurrency: measured.concurrency, peers };
}
