import { Worker } from 'node:worker_threads';
import type { Peer } from '../peer.js';
import { endChild, pipes, serverFile, spawnServer } from './child.js';
import { coalescedLines, readLines } from './lines.js';
import { Pending } from './pending.js';

export const floorLines: Peer = {
  name: 'floor: newline JSON',
  about: 'newline JSON over raw pipes, one write a turn: no protocol, no thread, no checks',
  async start() {
    const child = spawnServer('floor-lines');
    const { stdin, stdout } = pipes(child);
    const pending = new Pending();
    const write = coalescedLines(stdin);
    readLines(stdout, (line) => pending.settle(JSON.parse(line)));
    return {
      call: (method, params) => pending.call((message) => write(JSON.stringify(message)), method, params),
      close: () => endChild(child),
    };
  },
};

export const floorThread: Peer = {
  name: 'floor: postMessage',
  about: 'raw postMessage to a thread that answers at once: no child at all',
  async start() {
    const worker = new Worker(serverFile('floor-thread'));
    const pending = new Pending();
    worker.on('message', (answer: { id: number; result: unknown }) => pending.settle(answer));
    return {
      call: (method, params) => pending.call((message) => worker.postMessage(message), method, params),
      close: async () => void (await worker.terminate()),
    };
  },
};
