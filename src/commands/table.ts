const GAP = '  ';
const MIN_COLUMN_WIDTH = 8;

/**
 * Rows as aligned columns below their headings. With a `width` the last column is cut so that a line fits; the others
 * are names and ids, which are of use only whole.
 */
export function table(
  headings: readonly string[],
  rows: readonly (readonly (string | number | undefined)[])[],
  width?: number,
): string {
  const cells = [headings, ...rows.map((row) => row.map((cell) => printable(String(cell ?? ''))))];
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)));
  return cells.map((row) => `${fit(line(row, widths), width, widths)}\n`).join('');
}

function line(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, column) => cell.padEnd(widths[column] ?? 0))
    .join(GAP)
    .trimEnd();
}

function fit(text: string, width: number | undefined, widths: readonly number[]): string {
  const fixed = widths.slice(0, -1).reduce((sum, column) => sum + column + GAP.length, 0);
  if (width === undefined || text.length <= width || width < fixed + MIN_COLUMN_WIDTH) return text;
  return `${text.slice(0, width - 1)}…`;
}

/** A key may hold anything; a terminal must not be steered by one. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) =>
    JSON.stringify(character)
      .slice(1, -1)
      .replace(/^[\u007f-\u009f]$/, '?'),
  );
}

export function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  const step = Math.min(Math.floor(Math.log2(count) / 10), units.length);
  return `${(count / 1024 ** step).toFixed(1)} ${units[step - 1]}`;
}
