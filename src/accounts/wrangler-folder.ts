import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SidecarError } from '../protocol/index.js';

/** Where wrangler keeps what it knows: `~/.wrangler` where that is a folder, else the platform's configuration folder. */
export async function wranglerFolder(env: NodeJS.ProcessEnv): Promise<string> {
  const home = (process.platform === 'win32' ? env.USERPROFILE : env.HOME) || homedir();
  const legacy = join(home, '.wrangler');
  return (await isFolder(legacy))
    ? legacy
    : join(env.XDG_CONFIG_HOME || configFolder(home, env), '.wrangler');
}

/** A file of wrangler's that is there and cannot be used. Nothing of its content is told: it may be the token. */
export function unreadable(path: string, why: string): SidecarError {
  return new SidecarError(
    'credentials-invalid',
    `The login of wrangler in ${path} cannot be read: ${why}. Run \`npx wrangler login\` anew, or remove the file.`,
    { data: { path } },
  );
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    // To look elsewhere would take one account for another.
    throw unreadable(path, code ?? 'it cannot be looked at');
  }
}

function configFolder(home: string, env: NodeJS.ProcessEnv): string {
  if (process.platform === 'darwin') return join(home, 'Library', 'Preferences');
  if (process.platform !== 'win32') return join(home, '.config');
  return join(env.APPDATA || join(home, 'AppData', 'Roaming'), 'xdg.config');
}
