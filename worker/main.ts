import { expose } from 'comlink';
import { afterArrivals } from '../src/lib/time.js';
import { CoalescingEndpoint } from '../src/transport/coalescing-endpoint.js';
import { drainPort } from '../src/transport/drain-port.js';
import type { WorkerApi, WorkerTask } from './contract.js';
import { outcomeOf } from './failure.js';
import { Lane } from './lane.js';
import { Supervisor } from './supervisor.js';

/** How long the end of a tail that nobody wants is waited for. */
const STOP_TAIL_MS = 5000;

/**
 * The task that piscina runs in the thread. It never ends by itself: an unfinished task keeps piscina from blocking
 * the thread's event loop while it waits for the next one.
 */
export default function main({ api, lane }: WorkerTask): Promise<never> {
  const supervisor = new Supervisor(new Lane(lane));
  const write = (bodies: string) => supervisor.writeLines(bodies);
  lane.on('message', write);
  // Calls made before a stop are sent before the shutdown.
  const flushLane = () => drainPort(lane, write);
  expose(createApi(supervisor, write, flushLane), new CoalescingEndpoint(api));
  return new Promise(() => {});
}

function createApi(
  supervisor: Supervisor,
  write: (bodies: string) => void,
  flushLane: () => void,
): WorkerApi {
  return {
    launch: (options) => outcomeOf(() => supervisor.launch(options)),
    stop: (steps) => {
      flushLane();
      return supervisor.stop(steps);
    },
    kill: () => supervisor.kill(),
    tookStderr: (chars) => supervisor.tookStderr(chars),
    ping: () => undefined,
    readArrived: () => new Promise<void>((resolve) => void afterArrivals(resolve)),
    tailEnded: (tailId) => outcomeOf(() => supervisor.tails.ended(tailId)),
    send: write,
    tail: (paramsJson, onBatch, timeoutMs) =>
      outcomeOf(async () => {
        // The callback is attached in the same turn as the answer is read: a batch may stand right behind it.
        const attach = (result: unknown) =>
          supervisor.tails.attach((result as { tailId: string }).tailId, onBatch);
        const { session } = supervisor;
        // Its caller was told that it is not open: what was opened is ended.
        const endLate = (result: unknown) => {
          const { tailId } = result as { tailId: string };
          session.call('dashboard.stopTail', { tailId }, STOP_TAIL_MS).catch(() => undefined);
        };
        const opened = session.callText('dashboard.tailLogs', paramsJson, timeoutMs, attach, endLate);
        return (await opened) as { tailId: string };
      }),
  };
}
