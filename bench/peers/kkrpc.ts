import { NodeIo, RPCChannel } from 'kkrpc';
import type { Peer } from '../peer.js';
import { endChild, pipes, spawnServer } from './child.js';

interface Api {
  system: { ping(params: unknown): Promise<unknown> };
}

export const kkrpc: Peer = {
  name: 'kkrpc',
  about: 'kkrpc 0.2 over stdio, with its JSON serialization (faster than its default, superjson)',
  async start() {
    const child = spawnServer('kkrpc');
    const { stdin, stdout } = pipes(child);
    const channel = new RPCChannel<object, Api>(new NodeIo(stdout, stdin), {
      serialization: { version: 'json' },
    });
    const api = channel.getAPI();
    return { call: (_method, params) => api.system.ping(params), close: () => endChild(child) };
  },
};
