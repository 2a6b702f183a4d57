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
    return {
      call: (method, params) => api.call(method, params),
      async tail(load, form, onLines) {
        const ended = new Promise<void>((resolve) => void api.onEnd(proxy(() => resolve())));
        await api.onLine(
          proxy((event: unknown) =>
            onLines({ lines: 1, dropped: 0, sample: form === 'text' ? JSON.stringify(event) : event }),
          ),
        );
        await api.call('tail', load);
        return { ended, stop: async () => void (await api.call('stopTail', undefined)) };
      },
      async close() {
        await api.close();
        await worker.terminate();
      },
    };
  },
};
