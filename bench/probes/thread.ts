import { MessageChannel } from 'node:worker_threads';
import { type Endpoint, wrap } from 'comlink';
import { Piscina } from 'piscina';
import { CoalescingEndpoint } from '../../src/transport/coalescing-endpoint.js';
import type { WorkerApi, WorkerTask } from '../../worker/contract.js';
import { probe } from './probe.js';

/** The sidecar's thread without its child, hosted as the library does it, until it has answered. */
await probe(
  {
    async start() {
      const filename = new URL('dist/worker/main.js', import.meta.resolve('fluorite-flake/package.json'))
        .href;
      const options = { minThreads: 0, maxThreads: 1, atomics: 'disabled', recordTiming: false } as const;
      const pool = new Piscina({ filename, ...options });
      const [api, lane] = [new MessageChannel(), new MessageChannel()];
      const task: WorkerTask = { api: api.port2, lane: lane.port2 };
      // It ends with its thread.
      pool.run(task, { transferList: [api.port2, lane.port2] }).catch(() => undefined);
      const worker = wrap<WorkerApi>(new CoalescingEndpoint(api.port1) as unknown as Endpoint);
      await worker.kill();
      return {
        call: () => Promise.resolve(),
        async close() {
          for (const { port1 } of [api, lane]) port1.close();
          await pool.destroy();
        },
      };
    },
  },
  () => Promise.resolve(),
);
