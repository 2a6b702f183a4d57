import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import * as z from 'zod';
import { SidecarError } from '../protocol/index.js';
import { type Credentials, isToken } from './credentials.js';
import { type Keychain, platformKeychain } from './keychain.js';
import { jsonOf, readTextFile } from './text-file.js';
import { writeWhole } from './write-whole.js';

/** What `auth login` keeps. The token is in the keychain, or else here. */
const profileSchema = z
  .object({
    version: z.literal(1),
    keychain: z.boolean(),
    apiToken: z.string().refine(isToken, 'no token').optional(),
    accountId: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .optional(),
    accountName: z.string().optional(),
  })
  .refine(({ keychain, apiToken }) => keychain || apiToken !== undefined, 'no token');

type ProfileFile = z.infer<typeof profileSchema>;

export interface Profile {
  apiToken: string;
  accountId?: string;
  accountName?: string;
}

/** Where a profile was stored, for people. */
export interface StoredAt {
  path: string;
  /** The name of the keychain that has the token; undefined when the file has it. */
  keychain?: string;
}

/**
 * The stored profile as credentials; undefined when nobody has signed in.
 * @throws SidecarError `credentials-invalid` when the file cannot be read, `credentials-expired` when the keychain
 * does not give the token out.
 */
export async function readStoredProfile(
  env: NodeJS.ProcessEnv,
  keychain = platformKeychain(env),
): Promise<Credentials | undefined> {
  const path = await profilePath(env);
  const file = await readProfileFile(path);
  if (!file) return undefined;
  const apiToken = file.keychain ? await keychain?.read(keyOf(path)) : file.apiToken;
  if (!apiToken) throw notGivenOut(path, 'is locked, does not answer, or has it no more');
  if (!isToken(apiToken)) throw notGivenOut(path, 'answers with something that is no token');
  const { accountId, accountName } = file;
  return { apiToken, accountId, accountName, source: 'fluorite-flake auth login' };
}

/** Keeps a profile, in place of the one before: the token in the keychain where there is one that gives it back. */
export async function storeProfile(
  env: NodeJS.ProcessEnv,
  { apiToken, ...account }: Profile,
  keychain = platformKeychain(env),
): Promise<StoredAt> {
  const path = await profilePath(env);
  const inKeychain = await keeps(keychain, keyOf(path), apiToken);
  const file: ProfileFile = {
    version: 1,
    keychain: inKeychain,
    ...(!inKeychain && { apiToken }),
    ...account,
  };
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeWhole(path, `${JSON.stringify(file, null, 2)}\n`);
  } catch (cause) {
    throw fileError(path, 'written', cause);
  }
  return { path, ...(inKeychain && { keychain: keychain?.name }) };
}

/** Forgets the profile; false when there was none. */
export async function removeProfile(
  env: NodeJS.ProcessEnv,
  keychain = platformKeychain(env),
): Promise<boolean> {
  const path = await profilePath(env);
  // A file that cannot be understood is removed all the same; its token may be in the keychain.
  const file = await readProfileFile(path).catch(() => ({ keychain: true }));
  if (!file) return false;
  if (file.keychain) await keychain?.remove(keyOf(path));
  try {
    await rm(path, { force: true });
  } catch (cause) {
    throw fileError(path, 'removed', cause);
  }
  return true;
}

async function keeps(keychain: Keychain | undefined, key: string, secret: string): Promise<boolean> {
  if (!keychain || !(await keychain.store(key, secret))) return false;
  return (await keychain.read(key)) === secret;
}

async function profilePath(env: NodeJS.ProcessEnv): Promise<string> {
  if (env.FLUORITE_FLAKE_HOME) return resolve(env.FLUORITE_FLAKE_HOME, 'profile.json');
  const { default: envPaths } = await import('env-paths');
  return resolve(envPaths('fluorite-flake', { suffix: '' }).config, 'profile.json');
}

/** Two homes have two entries in one keychain. */
function keyOf(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 32);
}

async function readProfileFile(path: string): Promise<ProfileFile | undefined> {
  const text = await readTextFile(path, (why) => unreadable(path, why));
  if (text === undefined) return undefined;
  const parsed = profileSchema.safeParse(jsonOf(text), { jitless: true });
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => issue.path.join('.') || 'all of it');
  throw unreadable(path, `it is no profile of this version (${[...new Set(faults)].join(', ')})`);
}

function unreadable(path: string, why: string): SidecarError {
  return new SidecarError(
    'credentials-invalid',
    `The profile ${path} cannot be read: ${why}. Sign in anew with \`fluorite-flake auth login\`, or forget it with \`fluorite-flake auth logout\`.`,
    { data: { path } },
  );
}

function notGivenOut(path: string, why: string): SidecarError {
  return new SidecarError(
    'credentials-expired',
    `The keychain does not give out the token that \`fluorite-flake auth login\` stored: it ${why}. Unlock it, sign in anew, or choose the account \`local\`.`,
    { data: { path } },
  );
}

function fileError(path: string, done: string, cause: unknown): SidecarError {
  const errno = (cause as NodeJS.ErrnoException).code;
  return new SidecarError('file-error', `The profile ${path} could not be ${done}: ${errno ?? cause}.`, {
    data: { path, errno },
    cause,
  });
}
