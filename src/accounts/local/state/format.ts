import { StateProblem } from './problem.js';
import { seal, unseal } from './sealed.js';
import { checkSlice, openSlice, type StateSlice, storeSlice } from './slice.js';

/**
 * Format 1 had all lists side by side. Format 2 has a part a product, each with a version of its own, so that a new list
 * is no new format. Versions that know format 1 alone read the number and refuse the file in words.
 */
export const FORMAT = 2;

/** The parts that this version knows, by their keys. */
export type Slices<P> = { readonly [K in keyof P]: StateSlice<P[K]> };

/** A state in memory: the parts that are known, and what a newer version put beside them, untouched. */
export type StateOf<P> = P & {
  /** ISO 8601. */
  createdOn: string;
  /** Parts and members that this version does not know. They are written back as they are. */
  unknown: { slices: Record<string, unknown>; members: Record<string, unknown> };
};

interface StoredState {
  createdOn: string;
  slices: Record<string, unknown>;
}

/** The state of a new account. */
export function newState<P>(slices: Slices<P>): StateOf<P> {
  const parts = mapSlices(slices, (_, slice) => slice.empty());
  return {
    createdOn: new Date().toISOString(),
    unknown: { slices: {}, members: {} },
    ...parts,
  } as StateOf<P>;
}

/** The text of a state file. @throws StateProblem for what could not be read again. */
export function writeState<P>(slices: Slices<P>, state: StateOf<P>): string {
  const known = mapSlices(slices, (key, slice) =>
    storeSlice(slice, checkSlice(key, slice, state[key as keyof P])),
  );
  const { members, slices: others } = state.unknown;
  const stored: StoredState = { createdOn: state.createdOn, slices: { ...others, ...known } };
  return seal(FORMAT, { ...members, ...stored });
}

/** The state that a file holds, of any format and version that there was. @throws StateProblem */
export function readState<P>(slices: Slices<P>, text: string): StateOf<P> {
  const { format, body } = unseal(text, FORMAT);
  const { createdOn, slices: stored, ...members } = checkedState(format === 1 ? fromFormat1(body) : body);
  const parts = mapSlices(slices, (key, slice) =>
    // A part of a product that came later than this file.
    Object.hasOwn(stored, key) ? openSlice(key, slice, stored[key]) : slice.empty(),
  );
  const others = Object.entries(stored).filter(([key]) => !Object.hasOwn(slices, key));
  return { createdOn, unknown: { slices: Object.fromEntries(others), members }, ...parts } as StateOf<P>;
}

function mapSlices<P>(
  slices: Slices<P>,
  make: (key: string, slice: StateSlice<P[keyof P]>) => unknown,
): Record<string, unknown> {
  const entries = Object.entries(slices) as [string, StateSlice<P[keyof P]>][];
  return Object.fromEntries(entries.map(([key, slice]) => [key, make(key, slice)]));
}

function checkedState(body: unknown): StoredState {
  const { createdOn, slices } = objectOf(body, 'a state');
  if (typeof createdOn !== 'string')
    throw new StateProblem('damaged', 'does not say when its account was made');
  return { ...(body as object), createdOn, slices: objectOf(slices, 'the parts of a state') };
}

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new StateProblem('damaged', `holds no object where ${what} should be`);
}

/** Format 1 as format 2. What it never held is refused, because nothing knows where it belongs. */
function fromFormat1(body: unknown): StoredState {
  const { createdOn, workers, kvNamespaces, r2Buckets, ...others } = objectOf(body, 'a state');
  const [other] = Object.keys(others);
  if (other !== undefined) throw new StateProblem('newer', `holds "${other}", which format 1 has not`);
  const slices = {
    workers: { version: 1, data: { scripts: workers } },
    kv: { version: 1, data: { namespaces: kvNamespaces } },
    r2: { version: 1, data: { buckets: r2Buckets } },
  };
  return { createdOn: createdOn as string, slices };
}
