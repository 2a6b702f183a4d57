/** What signs requests to Cloudflare. Never logged, never part of an error. */
export interface Credentials {
  apiToken?: string;
  apiKey?: string;
  apiEmail?: string;
  /** Where they came from, for people. */
  source: string;
}

/** The credentials of the environment: a token, else a key with its e-mail address. */
export function readCredentials(env: NodeJS.ProcessEnv): Credentials | undefined {
  const apiToken = env.CLOUDFLARE_API_TOKEN?.trim();
  if (apiToken) return { apiToken, source: 'CLOUDFLARE_API_TOKEN' };
  const apiKey = env.CLOUDFLARE_API_KEY?.trim();
  const apiEmail = env.CLOUDFLARE_EMAIL?.trim();
  if (apiKey && apiEmail) return { apiKey, apiEmail, source: 'CLOUDFLARE_API_KEY and CLOUDFLARE_EMAIL' };
  return undefined;
}
