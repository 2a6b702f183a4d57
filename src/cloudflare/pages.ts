import { SidecarError } from '../protocol/index.js';

/** More than any account has; a server that never comes to an end is given up there. */
const MAX_PAGES = 1000;

/** Every item of a listing by page numbers: a page that is not full is the last one. */
export async function everyPage<T>(
  perPage: number,
  what: string,
  read: (page: number) => PromiseLike<readonly T[]>,
): Promise<T[]> {
  const found: T[] = [];
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const items = listed(await read(page), what);
    found.push(...items);
    if (items.length < perPage) return found;
  }
  throw endless(what);
}

/** Every item of a listing by cursors. */
export async function everyCursor<T>(
  what: string,
  read: (cursor: string | undefined) => Promise<{ items: readonly T[]; cursor?: string }>,
): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | undefined;
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const { items, cursor: next } = await read(cursor);
    found.push(...listed(items, what));
    if (!next) return found;
    cursor = next;
  }
  throw endless(what);
}

/** The items of an answer. @throws SidecarError `cloudflare-error` when they are no list of objects */
export function listed<T>(items: readonly T[] | null | undefined, what: string): readonly T[] {
  const isList = Array.isArray(items) && items.every((item) => typeof item === 'object' && item !== null);
  if (isList) return items;
  throw new SidecarError('cloudflare-error', `Could not ${what}: Cloudflare's answer has no list of them.`);
}

function endless(what: string): SidecarError {
  return new SidecarError(
    'cloudflare-error',
    `Could not ${what}: the listing did not end after ${MAX_PAGES} pages.`,
  );
}
