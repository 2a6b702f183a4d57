import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { endChild } from '../peers/child.js';
import { probe } from './probe.js';

/** A child that is nothing but Node, until it has written a byte. */
await probe(
  {
    async start() {
      const script = 'process.stdin.resume(); process.stdout.write("1")';
      const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
      await once(child.stdout, 'data');
      return { call: () => Promise.resolve(), close: () => endChild(child) };
    },
  },
  () => Promise.resolve(),
);
