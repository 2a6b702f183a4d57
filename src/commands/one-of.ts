import { SidecarError } from '../protocol/index.js';

/** @throws SidecarError `invalid-option` when `text` is given and is none of `values`. */
export function oneOf<T extends string>(
  values: readonly T[],
  option: string,
  text: string | undefined,
): T | undefined {
  if (text === undefined) return undefined;
  const found = values.find((value) => value === text);
  if (found !== undefined) return found;
  throw new SidecarError(
    'invalid-option',
    `--${option} takes ${values.join(', ')}, not ${JSON.stringify(text)}.`,
  );
}
