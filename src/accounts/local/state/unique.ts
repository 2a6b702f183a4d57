import * as z from 'zod';

/** A list in which no two items have the same `member`. */
export function uniqueBy<S extends z.ZodType<Record<string, unknown>>>(member: string, item: S) {
  return z.array(item).refine((items) => new Set(items.map((one) => one[member])).size === items.length, {
    message: `two of them have the same ${member}`,
  });
}
