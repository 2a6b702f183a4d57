import { SidecarError } from '../../../protocol/index.js';
import type { RuntimeWorker } from '../runtime.js';
import { changedWorkers } from './endless-start.js';
import { WORKER_SERVICE_PREFIX } from './service-names.js';

const REFUSAL = new RegExp(
  `^Worker "${WORKER_SERVICE_PREFIX}([^"]+)"'s binding "(.+)" refers to service "${WORKER_SERVICE_PREFIX}([^"]+)" with a named entrypoint "`,
);

/**
 * Service bindings to an entrypoint that their Worker does not have. workerd refuses the whole configuration for one of
 * them; here it fails when it is used, so that no Worker keeps another from being deployed.
 */
export class DanglingEntrypoints {
  /** The Worker that each is bound to. */
  readonly #targets: Map<string, string>;

  constructor(targets: Iterable<[string, string]> = []) {
    this.#targets = new Map(targets);
  }

  has(workerName: string, binding: string): boolean {
    return this.#targets.has(keyOf(workerName, binding));
  }

  /** Takes from workerd's refusal which ones dangle, but those of a Worker to itself. @returns whether it told of any that were not known */
  learn(refusal: unknown): boolean {
    const known = this.#targets.size;
    for (const line of stderrOf(refusal)) {
      const [, workerName, binding, target] = REFUSAL.exec(line) ?? [];
      if (workerName === undefined || binding === undefined || target === undefined) continue;
      if (workerName !== target) this.#targets.set(keyOf(workerName, binding), target);
    }
    return this.#targets.size > known;
  }

  /** Those that still dangle with the next Workers, where neither of the two changed. */
  after(next: readonly RuntimeWorker[], running: readonly RuntimeWorker[]): DanglingEntrypoints {
    if (this.#targets.size === 0) return new DanglingEntrypoints();
    const names = new Set(next.map(({ name }) => name));
    const changed = new Set(changedWorkers(next, running).map(({ name }) => name));
    const isSame = (name: string) => names.has(name) && !changed.has(name);
    return new DanglingEntrypoints(
      [...this.#targets].filter(([key, target]) => isSame(key.slice(0, key.indexOf(' '))) && isSame(target)),
    );
  }
}

/** Names of Workers have no spaces. */
function keyOf(workerName: string, binding: string): string {
  return `${workerName} ${binding}`;
}

function stderrOf(refusal: unknown): string[] {
  const errors = [refusal, refusal instanceof SidecarError ? refusal.cause : undefined];
  return errors.flatMap((error) =>
    error instanceof SidecarError && Array.isArray(error.data.stderr) ? (error.data.stderr as string[]) : [],
  );
}
