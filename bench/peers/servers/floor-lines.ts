import { ping } from '../echo.js';
import { coalescedLines, readLines } from '../lines.js';
import type { Message } from '../pending.js';

const write = coalescedLines(process.stdout);
readLines(process.stdin, (line) => {
  const message: Message = JSON.parse(line);
  write(JSON.stringify({ id: message.id, result: ping(message.params) }));
});
process.stdin.on('end', () => process.exit(0));
