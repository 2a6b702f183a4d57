// The worker thread, and the ways for it to die or to fail: told by a BroadcastChannel, and what it is born with by the
// environment data of threads.
import { readFileSync } from 'node:fs';
import { BroadcastChannel, getEnvironmentData } from 'node:worker_threads';
import main from '../../worker/main.js';
import { failNthSpawn, type SpawnErrno } from './failing-spawns.js';

const channel = new BroadcastChannel('fault-thread') as BroadcastChannel & {
  onmessage: (event: { data: unknown }) => void;
};
channel.onmessage = ({ data }) => {
  if (data === 'crash') throw new Error('a defect of the thread');
  const isPipe = typeof data === 'string' && data.startsWith('/');
  if (isPipe || data === 'loop') channel.postMessage('wedged');
  // Reading a pipe that nobody writes to: not even `terminate()` ends that.
  if (isPipe) readFileSync(data);
  while (data === 'loop');
  const kept: unknown[] = [];
  while (data === 'run out of memory') kept.push(new Array(10_000).fill(Math.random()));
};

/** Which of the thread's spawns is to fail. */
export interface FailingSpawn {
  nth: number;
  errno: SpawnErrno;
}

const failing = getEnvironmentData('failing-spawn') as FailingSpawn | undefined;
if (failing !== undefined) failNthSpawn(failing.nth, failing.errno);

export default main;
