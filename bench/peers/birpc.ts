import { createBirpc } from 'birpc';
import type { Peer } from '../peer.js';
import { endChild, pipes, spawnServer } from './child.js';
import { readLines } from './lines.js';

export const birpc: Peer = {
  name: 'birpc',
  about: 'birpc 4 over stdio, newline JSON',
  async start() {
    const child = spawnServer('birpc');
    const { stdin, stdout } = pipes(child);
    const rpc = createBirpc<Record<string, (params: unknown) => unknown>>(
      {},
      {
        post: (line: string) => void stdin.write(`${line}\n`),
        on: (listener) => readLines(stdout, listener),
        serialize: JSON.stringify,
        deserialize: JSON.parse,
      },
    );
    return {
      call: (method, params) => rpc.$call(method, params),
      close() {
        rpc.$close();
        return endChild(child);
      },
    };
  },
};
