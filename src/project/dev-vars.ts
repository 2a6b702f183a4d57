import { join } from 'node:path';
import { parse } from 'dotenv';
import { expand } from 'dotenv-expand';
import { SidecarError, type WorkerBinding } from '../protocol/index.js';
import { readText } from './text-file.js';

/** What wrangler itself takes from `.env`: the user's own credentials, which no Worker is to see. */
const CREDENTIALS = /^(CLOUDFLARE|CF)_(API_TOKEN|API_KEY|API_USER_SERVICE_KEY|EMAIL|ACCOUNT_ID)$/;

export interface DevVars {
  bindings: WorkerBinding[];
  warnings: string[];
}

/**
 * The secrets of local development as wrangler reads them, each a secret_text binding: from `.dev.vars.<env>`, else
 * `.dev.vars`, else `.env`, `.env.local`, `.env.<env>` and `.env.<env>.local`, the later winning. They are for the local
 * account alone. `required` are the only names that are taken, where the configuration lists them.
 * @throws SidecarError `file-error` for a file that is there and cannot be read.
 */
export async function devVars(
  folder: string,
  env: string | undefined,
  required: readonly string[] | undefined,
): Promise<DevVars> {
  const found = (await fromDevVars(folder, env)) ?? (await fromDotEnv(folder, env)) ?? {};
  const taken = Object.entries(found).filter(([name]) => required?.includes(name) ?? true);
  const missing = (required ?? []).filter((name) => !Object.hasOwn(found, name));
  return {
    bindings: taken.map(([name, text]) => ({ type: 'secret_text', name, text })),
    warnings: missing.map(
      (name) => `The secret ${name} is required by \`secrets\` and stands neither in .dev.vars nor in .env.`,
    ),
  };
}

async function fromDevVars(
  folder: string,
  env: string | undefined,
): Promise<Record<string, string> | undefined> {
  const path = join(folder, '.dev.vars');
  const text =
    (env === undefined ? undefined : await readIfThere(`${path}.${env}`)) ?? (await readIfThere(path));
  return text === undefined ? undefined : parse(text);
}

async function fromDotEnv(
  folder: string,
  env: string | undefined,
): Promise<Record<string, string> | undefined> {
  const names = ['.env', '.env.local', ...(env === undefined ? [] : [`.env.${env}`, `.env.${env}.local`])];
  const texts = await Promise.all(names.map((name) => readIfThere(join(folder, name))));
  if (texts.every((text) => text === undefined)) return undefined;
  const merged: Record<string, string> = Object.assign({}, ...texts.map((text) => parse(text ?? '')));
  // Its own environment, so that `$HOME` in a file is not this process's.
  const { parsed = {} } = expand({ parsed: merged, processEnv: {} });
  return Object.fromEntries(Object.entries(parsed).filter(([name]) => !CREDENTIALS.test(name)));
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readText(path);
  } catch (error) {
    const errno = error instanceof SidecarError ? error.data.errno : undefined;
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
    throw error;
  }
}
