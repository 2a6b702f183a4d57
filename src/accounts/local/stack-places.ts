/** Where a frame of a stack trace stands. Lines and columns count from 1. */
export interface Place {
  file: string;
  line: number;
  column: number;
}

/** At the end of a frame, or within it where an eval was called. */
const POSITION = /:(\d+):(\d+)(?=\)|$)/g;
/** Such a frame has no function name, and its file no parentheses. */
const BARE_FRAME = /^\s+at (?:async )?$/;

/**
 * V8's stack trace with the places in the files of `known` replaced by what `replace` makes of them. A file's name may
 * hold anything, V8 quotes nothing: only who knows the names can tell where one begins.
 */
export function replacePlaces<T>(
  stack: string,
  known: ReadonlyMap<string, T>,
  replace: (position: { line: number; column: number }, file: T) => Place | undefined,
): string {
  const replaceIn = (frame: string) => {
    let replaced = '';
    let taken = 0;
    for (const { 0: text, 1: line, 2: column, index } of frame.matchAll(POSITION)) {
      const end = index + text.length;
      const name = nameBefore(frame.slice(0, index), end < frame.length, known);
      if (name === undefined) continue;
      const place = replace({ line: Number(line), column: Number(column) }, known.get(name) as T);
      if (place === undefined) continue;
      replaced += `${frame.slice(taken, index - name.length)}${place.file}:${place.line}:${place.column}`;
      taken = end;
    }
    return replaced + frame.slice(taken);
  };
  return stack.split('\n').map(replaceIn).join('\n');
}

/** The longest known name that ends the text and begins where a file's name can. */
function nameBefore(
  text: string,
  isInParentheses: boolean,
  known: ReadonlyMap<string, unknown>,
): string | undefined {
  let longest: string | undefined;
  for (const name of known.keys()) {
    if (name.length <= (longest?.length ?? 0) || !text.endsWith(name)) continue;
    const before = text.slice(0, text.length - name.length);
    if (isInParentheses ? before.endsWith(' (') : BARE_FRAME.test(before)) longest = name;
  }
  return longest;
}
