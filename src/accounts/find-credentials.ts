import { type Credentials, hasEnded, type Where } from './credentials.js';
import type { WranglerLogin } from './wrangler-login.js';

export interface Found {
  /** undefined when there are none that can be used. */
  credentials?: Credentials;
  /** The profile that wrangler would use in this folder; undefined where the environment decides. */
  profile?: string;
  /** What was found and is not used, and why, in a sentence or two each. */
  warnings: string[];
}

/**
 * The credentials to use: a token of the environment, else a key with its e-mail address, else a live login of
 * wrangler, else the stored profile, else a login that wrangler has to be asked for.
 * @throws SidecarError `credentials-invalid` when what is stored cannot be read: going on with the local account would
 * take one account for the other; `credentials-expired` when the keychain does not give out what is stored;
 * `invalid-option` for a profile's name that is none.
 */
export async function findCredentials(where: Where): Promise<Found> {
  const given = environmentCredentials(where.env);
  if (given) return given;
  const { findWranglerLogin } = await import('./wrangler-login.js');
  const login = await findWranglerLogin(where);
  const { credentials, profile, unusable } = login;
  const warnings = [...oldNames(where.env), ...login.warnings];
  if (credentials && !hasEnded(credentials)) return { credentials, profile, warnings };
  const { readStoredProfile } = await import('./stored-profile.js');
  const stored = await readStoredProfile(where.env);
  if (stored) return { credentials: stored, profile, warnings: [...warnings, ...otherIdentity(login)] };
  return { credentials, profile, warnings: unusable ? [...warnings, unusable] : warnings };
}

/** Variables that wrangler still takes by their old names, and nothing here does. */
function oldNames(env: NodeJS.ProcessEnv): string[] {
  const given = (name: string) => Boolean(env[name]?.trim());
  const isUsed = given('CF_API_TOKEN') || (given('CF_API_KEY') && given('CF_EMAIL'));
  if (!isUsed) return [];
  return [
    'CF_API_TOKEN, or CF_API_KEY with CF_EMAIL, is set, which wrangler would use and this does not: name it CLOUDFLARE_API_TOKEN, or CLOUDFLARE_API_KEY with CLOUDFLARE_EMAIL.',
  ];
}

/** Somebody bound this folder, or this process, to a profile of wrangler's. */
function otherIdentity({ chosenBy, profile, unusable }: WranglerLogin): string[] {
  if (!chosenBy) return [];
  const why = unusable ?? 'Its login has ended or is encrypted.';
  return [
    `The token of \`fluorite-flake auth login\` is used, and wrangler would use its profile ${profile} here, chosen by ${chosenBy}. ${why}`,
  ];
}

function environmentCredentials(env: NodeJS.ProcessEnv): Found | undefined {
  const given = (name: string) => env[name]?.trim() || undefined;
  const apiToken = given('CLOUDFLARE_API_TOKEN');
  const apiKey = given('CLOUDFLARE_API_KEY');
  const apiEmail = given('CLOUDFLARE_EMAIL');
  const hasKey = apiKey !== undefined && apiEmail !== undefined;
  if (apiToken) {
    const warnings = hasKey ? [BOTH] : [];
    return { credentials: { apiToken, source: 'CLOUDFLARE_API_TOKEN' }, warnings };
  }
  if (!hasKey) return undefined;
  const source = 'CLOUDFLARE_API_KEY and CLOUDFLARE_EMAIL';
  return { credentials: { apiKey, apiEmail, source }, warnings: [] };
}

const BOTH =
  'CLOUDFLARE_API_TOKEN is used. CLOUDFLARE_API_KEY and CLOUDFLARE_EMAIL are set too, and wrangler would use those: unset the ones that are not meant.';
