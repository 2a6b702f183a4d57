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
  /** When the token ends, in milliseconds since 1970; 0 before it was asked for, undefined where it is not known. */
  expiresAt?: number;
  /**
   * Reads them anew once they have ended: whoever issued them may have renewed them.
   * @param refused the token that Cloudflare does not take any more
   */
  renew?(refused?: string): Promise<Credentials>;
  /** Ends the program that is being asked for them. Can be called twice. */
  close?(): void;
}

/** Whose credentials are looked for: a user's by `env`, and as wrangler would in `cwd`. */
export interface Where {
  env: NodeJS.ProcessEnv;
  cwd: string;
}

/** Whether a text can be an API token of Cloudflare's: one word. */
export function isToken(text: string): boolean {
  return /^[\w.~+/=-]{8,4096}$/.test(text);
}

export function hasEnded({ expiresAt }: Credentials, now = Date.now()): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}

/** A login of wrangler ends after about an hour; wrangler renews it whenever it runs. */
export function expired({ source, expiresAt = 0 }: Credentials): SidecarError {
  const when = new Date(expiresAt).toISOString();
  return new SidecarError(
    'credentials-expired',
    `The ${source} has expired (${when}), and there is no wrangler in node_modules/.bin or on PATH that could renew it. Run \`npx wrangler whoami\`, which renews it, or \`npx wrangler login\`; or sign in for longer with \`fluorite-flake auth login\`; or choose the account \`local\`.`,
    { data: { source, expiredAt: when } },
  );
}
