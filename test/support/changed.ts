import fc from 'fast-check';

/** `valid` with one place of it changed to anything. */
export function changed(valid: unknown, value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc
    .tuple(fc.constantFrom(...placesOf(valid)), value)
    .map(([place, other]) => replaced(valid, place, other));
}

function placesOf(valid: unknown, at: readonly string[] = []): (readonly string[])[] {
  const inner = typeof valid === 'object' && valid !== null ? Object.entries(valid) : [];
  return [at, ...inner.flatMap(([name, one]) => placesOf(one, [...at, name]))];
}

function replaced(valid: unknown, [name, ...rest]: readonly string[], other: unknown): unknown {
  if (name === undefined) return other;
  const copy = Array.isArray(valid) ? [...valid] : { ...(valid as object) };
  Object.assign(copy, { [name]: replaced((valid as Record<string, unknown>)[name], rest, other) });
  return copy;
}
