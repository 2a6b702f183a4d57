/**
 * How deep a message nests at most: objects and arrays, the message itself included. A deeper value parses, but cannot
 * be cloned, sent on or written again everywhere. Whoever writes keeps the limit, whoever reads need not trust that.
 */
export const MAX_DEPTH = 256;
/** What the params of a request and the result of an answer have around them. */
const ENVELOPE_LEVELS = 1;
/** How deep params and results may nest. */
export const MAX_BODY_DEPTH = MAX_DEPTH - ENVELOPE_LEVELS;
/** `{result: {items: [{metadata}]}}`: what may be put can be listed. */
const LISTING_LEVELS = ENVELOPE_LEVELS + 3;
/** How deep a KV key's metadata may nest. */
export const MAX_METADATA_DEPTH = MAX_DEPTH - LISTING_LEVELS;

/**
 * Whether objects and arrays nest deeper in `value` than `levels`; a scalar has no level. Looks at every object once, and
 * at no string: on records it costs a twentieth of `JSON.stringify`. What refers to itself is deeper than any limit.
 */
export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  // Members are looked at before the call: most are scalars.
  if (Array.isArray(value)) {
    for (const item of value) {
      if (typeof item === 'object' && item !== null && isDeeperThan(item, levels - 1)) return true;
    }
    return false;
  }
  // Not `Object.values()`, which makes an array for every object.
  for (const name in value) {
    const member = (value as Record<string, unknown>)[name];
    if (typeof member === 'object' && member !== null && isDeeperThan(member, levels - 1)) return true;
  }
  return false;
}

/** The same of a value as JSON text. Parses it only where it has that many brackets at all. Text that is no JSON counts as deeper. */
export function isTextDeeperThan(json: string, levels: number): boolean {
  // A level has two brackets.
  if (json.length <= 2 * levels || !hasMore(json, levels)) return false;
  try {
    return isDeeperThan(JSON.parse(json), levels);
  } catch {
    return true;
  }
}

/** Whether a text has more opening brackets than `count`, those in strings included. */
function hasMore(json: string, count: number): boolean {
  let left = count;
  for (const bracket of ['[', '{']) {
    for (let at = json.indexOf(bracket); at !== -1; at = json.indexOf(bracket, at + 1)) {
      if (--left < 0) return true;
    }
  }
  return false;
}
