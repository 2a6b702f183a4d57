import { realpath } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import * as z from 'zod';
import { SidecarError } from '../protocol/index.js';
import { jsonOf, readTextFile } from './text-file.js';
import { unreadable } from './wrangler-folder.js';

export const DEFAULT_PROFILE = 'default';

export interface ChosenProfile {
  name: string;
  /** What chose it, for people; undefined where nothing did and it is the default one. */
  chosenBy?: string;
  /** What was passed over on the way. */
  warnings: string[];
}

/** A folder and the profile that `wrangler auth activate` bound to it. */
const bindingsSchema = z.record(z.string(), z.unknown());

/**
 * The profile that wrangler 4.164 would use in `cwd`: the one of CLOUDFLARE_AUTH_PROFILE, else that of the nearest
 * bound folder, else the default one.
 * @param folder wrangler's own
 * @throws SidecarError `invalid-option` for a name in the environment that is none, `credentials-invalid` for one
 * that is bound, and for bindings that cannot be read.
 */
export async function chooseProfile(
  folder: string,
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<ChosenProfile> {
  const named = env.CLOUDFLARE_AUTH_PROFILE;
  if (named) {
    if (isProfileName(named)) return { name: named, chosenBy: 'CLOUDFLARE_AUTH_PROFILE', warnings: [] };
    throw new SidecarError('invalid-option', `CLOUDFLARE_AUTH_PROFILE is ${quoted(named)}; ${NAMES}`);
  }
  const path = join(folder, 'profiles', 'directory-bindings.json');
  const { bindings, warnings } = await readBindings(path);
  const bound = nearest(bindings, await realFolder(cwd));
  if (!bound) return { name: DEFAULT_PROFILE, warnings };
  const [boundFolder, name] = bound;
  if (isProfileName(name)) return { name, chosenBy: `its binding to ${boundFolder}`, warnings };
  throw new SidecarError(
    'credentials-invalid',
    `${path} binds ${boundFolder} to ${quoted(name)}; ${NAMES} Bind it anew with \`npx wrangler auth activate\`.`,
    { data: { path } },
  );
}

const NAMES =
  'the name of a profile of wrangler has letters, digits, _ and - alone, and `staging` is not one.';

/** `default` is reserved, and may be named all the same. */
function isProfileName(name: unknown): name is string {
  if (name === DEFAULT_PROFILE) return true;
  if (typeof name !== 'string' || !/^[\w-]{1,200}$/.test(name)) return false;
  return !['default', 'staging'].includes(name.toLowerCase());
}

/** Bindings that are no JSON object are none to wrangler either; here that is said. */
async function readBindings(path: string): Promise<{ bindings: [string, unknown][]; warnings: string[] }> {
  const text = await readTextFile(path, (why) => unreadable(path, why));
  if (text === undefined) return { bindings: [], warnings: [] };
  const parsed = bindingsSchema.safeParse(jsonOf(text), { jitless: true });
  if (parsed.success) return { bindings: Object.entries(parsed.data), warnings: [] };
  return {
    bindings: [],
    warnings: [`${path} was passed over: it is no JSON object of folders and profiles.`],
  };
}

/** The longest bound folder that is `cwd` or above it. */
function nearest(bindings: [string, unknown][], cwd: string): [string, unknown] | undefined {
  return bindings
    .filter(([folder]) => cwd === folder || cwd.startsWith(folder + sep))
    .sort(([a], [b]) => b.length - a.length)[0];
}

/** wrangler compares what the system says of its working folder, links resolved. */
async function realFolder(cwd: string): Promise<string> {
  try {
    return await realpath(cwd);
  } catch {
    return resolve(cwd); // A folder that is not there is told of by whoever works in it.
  }
}

function quoted(name: unknown): string {
  return JSON.stringify(name)?.slice(0, 100) ?? String(name);
}
