import type { Readable, Writable } from 'node:stream';

/** Hears every line of `input`: linear in its length, whatever the chunks are. */
export function readLines(input: Readable, onLine: (line: string) => void): void {
  let rest = '';
  input.setEncoding('utf8');
  input.on('data', (chunk: string) => {
    let from = 0;
    for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', from)) {
      onLine(rest + chunk.slice(from, end));
      rest = '';
      from = end + 1;
    }
    rest += chunk.slice(from);
  });
}

/** A writer of lines that leaves once a turn of the event loop: the least a pipe can cost. */
export function coalescedLines(output: Writable): (line: string) => void {
  let waiting = '';
  const flush = () => {
    const text = waiting;
    waiting = '';
    output.write(text);
  };
  return (line) => {
    if (waiting === '') process.nextTick(flush);
    waiting += `${line}\n`;
    if (waiting.length > 65_536) flush();
  };
}
