import { SidecarError } from '../protocol/index.js';

/** What signs requests to Cloudflare. Never logged, never part of an error. */
export interface Credentials {
  apiToken?: string;
  apiKey?: string;
  apiEmail?: string;
  /** Where they came from, for people. */
  source: string;
  /** The account that was chosen together with them. */
  accountId?: string;
  accountName?: string;
  /** When the token ends, in milliseconds since 1970; undefined where it is not known to. */
  expiresAt?: number;
  /** Reads them anew once they have ended: whoever issued them may have renewed them. */
  renew?(): Promise<Credentials>;
}

/**
 * The credentials to use: a token of the environment, else a key with its e-mail address, else a login of wrangler,
 * else the stored profile. undefined when there are none.
 * @throws SidecarError `credentials-expired` when all there is has ended, `credentials-invalid` when what is stored
 * cannot be read: going on with the local account would take one account for the other.
 */
export async function findCredentials(env: NodeJS.ProcessEnv): Promise<Credentials | undefined> {
  const given = environmentCredentials(env);
  if (given) return given;
  const { readWranglerLogin } = await import('./wrangler-login.js');
  const login = await readWranglerLogin(env);
  if (login && !hasEnded(login)) return login;
  const { readStoredProfile } = await import('./stored-profile.js');
  const stored = await readStoredProfile(env);
  if (stored) return stored;
  if (login) throw expired(login);
  return undefined;
}

function environmentCredentials(env: NodeJS.ProcessEnv): Credentials | undefined {
  const apiToken = env.CLOUDFLARE_API_TOKEN?.trim();
  if (apiToken) return { apiToken, source: 'CLOUDFLARE_API_TOKEN' };
  const apiKey = env.CLOUDFLARE_API_KEY?.trim();
  const apiEmail = env.CLOUDFLARE_EMAIL?.trim();
  if (apiKey && apiEmail) return { apiKey, apiEmail, source: 'CLOUDFLARE_API_KEY and CLOUDFLARE_EMAIL' };
  return undefined;
}

export function hasEnded({ expiresAt }: Credentials, now = Date.now()): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}

/** A login of wrangler ends after about an hour; wrangler renews it whenever it runs. */
export function expired({ source, expiresAt = 0 }: Credentials): SidecarError {
  const when = new Date(expiresAt).toISOString();
  return new SidecarError(
    'credentials-expired',
    `The ${source} has expired (${when}). Run \`npx wrangler whoami\`, which renews it, or \`npx wrangler login\`; or sign in for longer with \`fluorite-flake auth login\`; or choose the account \`local\`.`,
    { data: { source, expiredAt: when } },
  );
}
