import { setTimeout as passed } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { proxy, type Remote, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import type { Peer } from '../peer.js';
import { serverFile } from './child.js';
import type { NaiveApi } from './servers/naive-worker.js';

export const naiveComlink: Peer = {
  name: 'worker + comlink, naive',
  about: 'stock vscode-jsonrpc in a worker thread, one stock comlink call a request or log line',
  async start() {
    const worker = new Worker(serverFile('naive-worker'), {
      workerData: { server: serverFile('stock-stdio') },
    });
    const api: Remote<NaiveApi> = wrap<NaiveApi>(nodeEndpoint(worker));
    const pid = await api.pid();
    return {
      call: (method, params) => api.call(method, params),
      async tail(load, _form, onLines) {
        // The end comes through the lines' own callback: each callback has a port of its own, and ports overtake each other.
        let end = () => {};
        const ended = new Promise<void>((resolve) => {
          end = resolve;
        });
        await api.onLine(
          proxy((event: unknown) =>
            event === null ? end() : void onLines({ lines: 1, sample: () => event }),
          ),
        );
        await api.call('tail', load);
        return { ended, dropped: () => 0, stop: async () => void (await api.call('stopTail', undefined)) };
      },
      async close() {
        // Flooded, neither the thread nor the child may get round to ending.
        const ended = await Promise.race([api.close(), passed(2000, 'late' as const, { ref: false })]);
        if (ended === 'late') process.kill(pid, 'SIGKILL');
        await worker.terminate();
      },
    };
  },
};
