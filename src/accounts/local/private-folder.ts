import { chmod, lstat, readdir, stat } from 'node:fs/promises';
import { SidecarError } from '../../protocol/index.js';
import { makeFolder } from './make-folder.js';

/** What tells a state directory from any other folder. */
const OWN_ENTRIES = ['state.jsonl', 'state.last-good.jsonl', 'lock'];
const OTHERS = 0o077;

/**
 * Makes a folder inside a state directory, or in the temporary folder, that only this user can use. One that is there
 * must be this user's and no link; its mode is set to 0700.
 * @throws SidecarError `file-error`, or what the system answered.
 */
export async function makePrivateFolder(path: string): Promise<void> {
  await makeFolder(path);
  // Windows has no such modes: the user profile's rights hold.
  if (process.platform === 'win32') return;
  const found = await lstat(path);
  if (!found.isDirectory()) throw refused(path, 'is a link');
  if (found.uid !== process.getuid?.()) throw refused(path, 'belongs to another user');
  await tighten(path, found.mode);
}

/**
 * Makes a state directory, or takes the one that is there, which may be behind a link. One that other users can enter is
 * made private (0700) when it is empty or a state directory already; a folder with other things in it is left alone.
 * @throws SidecarError `file-error` when it is another user's, or such a folder; or what the system answered.
 */
export async function openStateDir(path: string): Promise<void> {
  await makeFolder(path);
  if (process.platform === 'win32') return;
  const found = await stat(path);
  if (found.uid !== process.getuid?.()) throw refused(path, 'belongs to another user');
  if ((found.mode & OTHERS) === 0) return;
  const entries = await readdir(path);
  if (entries.length > 0 && !OWN_ENTRIES.some((name) => entries.includes(name))) {
    const mode = (found.mode & 0o777).toString(8);
    throw refused(path, `holds other things and is open to other users (mode ${mode})`);
  }
  await tighten(path, found.mode);
}

async function tighten(path: string, mode: number): Promise<void> {
  if ((mode & OTHERS) === 0) return;
  await chmod(path, 0o700);
  // Some file systems accept it and change nothing.
  if (((await stat(path)).mode & OTHERS) !== 0) throw refused(path, 'cannot be made private');
}

function refused(path: string, why: string): SidecarError {
  return new SidecarError(
    'file-error',
    `The folder ${path} ${why}. The local account keeps its state, secrets included, in a folder of its own that only this user can enter (mode 0700). Choose another one, or correct it.`,
    { data: { path } },
  );
}
