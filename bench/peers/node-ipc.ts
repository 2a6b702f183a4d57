import type { Peer } from '../peer.js';
import { endChild, spawnServer } from './child.js';
import { Pending } from './pending.js';

export const nodeIpcJson = nodeIpc('json');
export const nodeIpcAdvanced = nodeIpc('advanced');

function nodeIpc(serialization: 'json' | 'advanced'): Peer {
  return {
    name: `Node IPC, ${serialization}`,
    about: `Node's own IPC channel to a forked child, ${serialization} serialization`,
    async start() {
      const child = spawnServer('node-ipc', {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        serialization,
      });
      const pending = new Pending();
      child.on('message', (answer: { id: number; result: unknown }) => pending.settle(answer));
      return {
        call: (method, params) =>
          pending.call((message) => child.send(message as unknown as object), method, params),
        close: () => endChild(child),
      };
    },
  };
}
