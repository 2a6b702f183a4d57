import type { Scenario } from '../scenario.js';
import { calls } from './calls.js';
import { latency } from './latency.js';
import { payloads } from './payloads.js';

/** In the order they run and are shown. */
export const scenarios: readonly Scenario[] = [calls, latency, payloads];

export function scenarioNamed(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (!found) throw new Error(`No scenario is named "${name}".`);
  return found;
}
