const HEADER = /^\s*\[(\[)?\s*([^\]]+?)\s*\]/;
const KEY = /^\s*([\w.\-"']+)\s*=/;

/**
 * The 1-based line where a TOML document gives the field `path`, or the closest table above it.
 * smol-toml keeps no positions, so this reads table headers and keys line by line; keys inside inline tables
 * and multi-line values are answered with the line of the key that holds them.
 */
export function tomlLineOf(text: string, path: readonly PropertyKey[]): number | undefined {
  const wanted = path.map(String);
  const counts = new Map<string, number>();
  let table: string[] = [];
  let best: { line: number; depth: number } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const header = HEADER.exec(line);
    if (header) table = tablePath(header, counts);
    const key = KEY.exec(line)?.[1];
    if (!header && key === undefined) continue;
    const here = key === undefined ? table : [...table, ...splitKey(key)];
    const depth = here.length;
    const matches = here.every((part, at) => part === wanted[at]);
    if (matches && depth > (best?.depth ?? 0)) best = { line: index + 1, depth };
  }
  return best?.line;
}

function tablePath(header: RegExpExecArray, counts: Map<string, number>): string[] {
  const keys = splitKey(header[2] ?? '');
  if (!header[1]) return keys;
  const name = keys.join('.');
  const position = counts.get(name) ?? 0;
  counts.set(name, position + 1);
  return [...keys, String(position)];
}

function splitKey(key: string): string[] {
  return key.split('.').map((part) => part.trim().replace(/^["']|["']$/g, ''));
}
