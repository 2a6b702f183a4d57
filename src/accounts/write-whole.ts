import { randomBytes } from 'node:crypto';
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Replaces a file at once: the content is written under another name in its folder, flushed, and renamed over the old one,
 * for this user alone. Whoever is ended in the middle, or whose disk is full, leaves the old file as it was. When it
 * resolves, the new one survives a power cut. What `beforeRename` throws leaves the old one too.
 *
 * Not write-file-atomic: its version 7 makes one write and does not look how much of it was taken, so that a disk which
 * fills up in the middle puts a torn file in the place of the good one.
 */
export async function writeWhole(
  path: string,
  content: string | Uint8Array,
  beforeRename?: () => Promise<void> | undefined,
): Promise<void> {
  const draft = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      // Goes on until all of it is written.
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await beforeRename?.();
    await rename(draft, path);
    await flushFolder(dirname(path));
  } catch (error) {
    // The first failure is the one to tell; what stays is removed with the drafts of killed processes.
    await rm(draft, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** What systems answer that do not flush folders, network and FUSE file systems among them, or not one we may not read. */
const UNFLUSHABLE = ['EINVAL', 'ENOTSUP', 'ENOSYS', 'EISDIR', 'EBADF', 'EACCES', 'EPERM'];

/** A rename survives a power cut only once its folder is flushed; Windows cannot and need not. */
async function flushFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r');
    await handle.sync();
  } catch (error) {
    if (!UNFLUSHABLE.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await handle?.close();
  }
}

/** Removes what processes that were killed in the middle of `writeWhole` left. Only for a file with one writer. */
export async function removeDrafts(path: string): Promise<void> {
  const folder = dirname(path);
  for (const name of await readdir(folder)) {
    if (name.startsWith(basename(path)) && DRAFT_END.test(name.slice(basename(path).length)))
      await rm(join(folder, name), { force: true });
  }
}

/** What stands behind the name of a draft's file. Anything else with a similar name is somebody's own. */
const DRAFT_END = /^\.[0-9a-f]{16}\.tmp$/;
