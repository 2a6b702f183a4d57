import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The text of a source file of the contract, whose comments go into the reference. */
export function readContract(name: string): string {
  return readFileSync(fileURLToPath(new URL(`../../src/protocol/${name}`, import.meta.url)), 'utf8');
}

/** The doc comments in `source` that stand right before what `pattern` matches, by its first group. */
export function commentsBefore(source: string, pattern: string): Map<string, string> {
  const found = new Map<string, string>();
  const comment = new RegExp(String.raw`\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*${pattern}`, 'g');
  for (const [, text = '', name = ''] of source.matchAll(comment)) found.set(name, plain(text));
  return found;
}

/** A comment as one line of Markdown. */
function plain(text: string): string {
  return text
    .replace(/^\s*\* ?/gm, '')
    .replace(/\s+/g, ' ')
    .replace(/\{@link (\w+)\}/g, '`$1`')
    .trim();
}
