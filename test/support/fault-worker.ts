// The worker thread, and the ways for it to die: told by a BroadcastChannel.
import { BroadcastChannel } from 'node:worker_threads';
import main from '../../worker/main.js';

const channel = new BroadcastChannel('fault-thread') as BroadcastChannel & {
  onmessage: (event: { data: unknown }) => void;
};
channel.onmessage = ({ data }) => {
  if (data === 'crash') throw new Error('a defect of the thread');
  const kept: unknown[] = [];
  while (data === 'run out of memory') kept.push(new Array(10_000).fill(Math.random()));
};

export default main;
