import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from '../file-error.js';
import type { SocketHttp } from './socket-http.js';
import { RESOURCE_HEADER } from './sources.js';

/** What workerd names a file until it is whole; which of the two depends on its version. */
const DRAFT = /^\.(kj-tmp\.|.*\.tmp$)/;

/** Removes what a killed process was about to write below `folder`. None may be running on it. */
export async function removeDrafts(folder: string): Promise<void> {
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await removeDrafts(path);
    else if (DRAFT.test(entry.name)) await rm(path, { force: true });
  }
}

/** Has every bucket that keeps blobs remove those that no object names. Each does so when it is first used. */
export async function tidyBuckets(blobs: string, http: SocketHttp): Promise<void> {
  for (const entry of await entriesOf(blobs)) {
    if (!entry.isDirectory() || (await entriesOf(join(blobs, entry.name, 'blobs'))).length === 0) continue;
    const resource = `r2:${encodeURIComponent(entry.name)}`;
    // Not kept alive: a connection more that breaks when the process dies is a call more that fails.
    const headers = {
      host: 'r2',
      connection: 'close',
      [RESOURCE_HEADER]: resource,
      'fluorite-flake-r2': 'tidy',
    };
    (await http.send({ method: 'GET', path: '/', headers })).resume();
  }
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
