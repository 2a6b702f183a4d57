import { createBirpc } from 'birpc';
import { ping } from '../echo.js';
import { readLines } from '../lines.js';

createBirpc(
  { 'system.ping': ping },
  {
    post: (line: string) => void process.stdout.write(`${line}\n`),
    on: (listener) => readLines(process.stdin, listener),
    serialize: JSON.stringify,
    deserialize: JSON.parse,
  },
);
process.stdin.on('end', () => process.exit(0));
