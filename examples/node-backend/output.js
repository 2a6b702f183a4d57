// What the example prints: plain lines in a pipe, colours and a line that shows the work going on in a terminal.
import { styleText } from 'node:util';

// Whoever reads this may go first: that must not end the app before its sidecar is stopped.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const isTerminal = process.stdout.isTTY === true;
const hasColours = isTerminal && !process.env.NO_COLOR;

export function style(format, text) {
  return hasColours ? styleText(format, text) : text;
}

export function heading(text) {
  console.log(`\n${style('bold', text)}`);
}

export function line(text) {
  console.log(`  ${text}`);
}

/** Runs `work` and prints how long it took; a terminal shows meanwhile that it is being done. */
export async function step(title, work) {
  const startedMs = performance.now();
  if (isTerminal) process.stdout.write(style('dim', `  ${title} ...`));
  try {
    return await work();
  } finally {
    if (isTerminal) process.stdout.write('\r\x1b[2K');
    line(`${title} ${style('dim', `(${Math.round(performance.now() - startedMs)} ms)`)}`);
  }
}

/** Prints `rows` of text below `columns`, each column as wide as its widest cell. */
export function table(columns, rows) {
  const widths = columns.map((name, at) => Math.max(name.length, ...rows.map((row) => row[at].length)));
  const format = (cells) =>
    cells
      .map((cell, at) => cell.padEnd(widths[at]))
      .join('  ')
      .trimEnd();
  line(style('dim', format(columns)));
  for (const row of rows) line(format(row));
  if (rows.length === 0) line(style('dim', '(none)'));
}
