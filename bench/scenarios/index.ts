import type { Scenario } from '../scenario.js';
import { calls } from './calls.js';
import { cloudTail } from './cloud-tail.js';
import { coldStart } from './cold-start.js';
import { deploy } from './deploy.js';
import { largeResult } from './large-result.js';
import { latency } from './latency.js';
import { memory } from './memory.js';
import { payloads } from './payloads.js';
import { slowConsumer } from './slow-consumer.js';
import { tailFlood } from './tail-flood.js';
import { tailPing } from './tail-ping.js';
import { wrangler } from './wrangler.js';

/** In the order they run and are shown. */
export const scenarios: readonly Scenario[] = [
  calls,
  latency,
  payloads,
  largeResult,
  tailFlood,
  tailPing,
  slowConsumer,
  cloudTail,
  coldStart,
  memory,
  wrangler,
  deploy,
];

export function scenarioNamed(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (!found) throw new Error(`No scenario is named "${name}".`);
  return found;
}
