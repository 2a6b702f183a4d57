import { isDeepStrictEqual } from 'node:util';
import { SidecarError } from '../../../protocol/index.js';
import type { RuntimeWorker } from '../runtime.js';

/** Whether a process was ended because it did not become ready in time. @returns that time */
export function notReadyAfterMs(error: unknown): number | undefined {
  const after = error instanceof SidecarError ? error.data.notReadyAfterMs : undefined;
  return typeof after === 'number' ? after : undefined;
}

/** The Workers that `running` does not have, or not like that: only one of them can keep a start from ending. */
export function changedWorkers(
  workers: readonly RuntimeWorker[],
  running: readonly RuntimeWorker[],
): RuntimeWorker[] {
  return workers.filter((worker) => {
    const before = running.find(({ name }) => name === worker.name);
    return before === undefined || !isDeepStrictEqual(before, worker);
  });
}

/** The refusal of a Worker whose code at top level does not end. */
export function endlessStart(workerName: string, afterMs: number, cause: unknown): SidecarError {
  const detail = `its code at top level had not ended after ${afterMs / 1000} s. Cloudflare allows about one second; do such work in a handler.`;
  return new SidecarError('script-invalid', `The Worker ${workerName} was refused: ${detail}`, {
    data: { workerName, detail },
    cause,
  });
}
