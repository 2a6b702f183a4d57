import type * as z from 'zod';
import { StateProblem } from './problem.js';

/** Data as it was read, of a version that its migration knows. */
// biome-ignore lint/suspicious/noExplicitAny: a migration alone knows the shape of an old version; what it makes is checked.
export type OldData = any;

/**
 * One product's part of the state. A new list is a new version: its migration adds the empty list, and every directory
 * of before opens.
 */
export interface StateSlice<T> {
  /** What a new account has of it. */
  empty(): T;
  /** The n-th makes version n + 1 of version n. One that was published is never changed, and none is taken away. */
  readonly migrations: readonly ((before: OldData) => unknown)[];
  /** The shape of the newest version. Members that it does not name are kept as they are. */
  schema(): z.ZodType<T>;
}

/** A slice as it stands in the file. */
interface StoredSlice {
  version: number;
  data: unknown;
}

/** The slice of a file, brought to the newest version. @throws StateProblem */
export function openSlice<T>(key: string, slice: StateSlice<T>, stored: unknown): T {
  const { version, data } = checkedStored(key, stored);
  const newest = newestVersion(slice);
  if (version > newest) {
    throw new StateProblem(
      'newer',
      `holds the part "${key}" in version ${version}; this fluorite-flake knows versions up to ${newest}`,
    );
  }
  return checkSlice(key, slice, migrate(key, slice, version, data));
}

/** A slice as it is written. */
export function storeSlice<T>(slice: StateSlice<T>, data: T): StoredSlice {
  return { version: newestVersion(slice), data };
}

/**
 * The data itself when it has the newest shape: not a copy, which would lose a member called `__proto__`.
 * @throws StateProblem
 */
export function checkSlice<T>(key: string, slice: StateSlice<T>, data: unknown): T {
  const { success, error } = slice.schema().safeParse(data);
  if (success) return data as T;
  const [issue] = error.issues;
  throw new StateProblem('damaged', `holds ${[key, ...(issue?.path ?? [])].join('.')}: ${issue?.message}`);
}

function newestVersion(slice: StateSlice<unknown>): number {
  return slice.migrations.length + 1;
}

function checkedStored(key: string, stored: unknown): StoredSlice {
  const { version, data } = (stored ?? {}) as Partial<StoredSlice>;
  if (typeof version === 'number' && Number.isSafeInteger(version) && version >= 1) return { version, data };
  throw new StateProblem('damaged', `holds the part "${key}" without a version`);
}

function migrate(key: string, slice: StateSlice<unknown>, version: number, data: unknown): unknown {
  try {
    return slice.migrations.slice(version - 1).reduce<unknown>((before, step) => step(before), data);
  } catch (cause) {
    // A step met a shape that its version never had.
    throw new StateProblem(
      'damaged',
      `holds the part "${key}", which is not of its version ${version}`,
      cause,
    );
  }
}
