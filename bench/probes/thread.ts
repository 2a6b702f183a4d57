import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import { type Endpoint, wrap } from 'comlink';
import { Piscina } from 'piscina';
import { CoalescingEndpoint } from '../../src/transport/coalescing-endpoint.js';
import type { WorkerApi, WorkerTask } from '../../worker/contract.js';
import { probe } from './probe.js';

/** The built worker, whichever module format it was built to. */
function workerFile(): string {
  const folder = fileURLToPath(new URL('dist/worker/', import.meta.resolve('fluorite-flake/package.json')));
  const name = readdirSync(folder).find((file) => /^main\.[cm]?js$/.test(file));
  if (name === undefined) throw new Error(`There is no built worker in ${folder}.`);
  return join(folder, name);
}

/** The sidecar's thread without its child, hosted as the library does it, until it has answered. */
await probe(
  {
    async start() {
      const filename = workerFile();
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
