import { SidecarError } from '../protocol/index.js';

/** An account id as Cloudflare writes it, of text in any case with space around it; undefined when it is none. */
export function accountIdOf(text: string): string | undefined {
  const id = text.trim().toLowerCase();
  return /^[0-9a-f]{32}$/.test(id) ? id : undefined;
}

/** The account that CLOUDFLARE_ACCOUNT_ID names, if it does. @throws SidecarError `invalid-option` */
export function environmentAccountId({
  CLOUDFLARE_ACCOUNT_ID: given,
}: NodeJS.ProcessEnv): string | undefined {
  if (!given?.trim()) return undefined;
  const id = accountIdOf(given);
  if (id) return id;
  throw new SidecarError(
    'invalid-option',
    `CLOUDFLARE_ACCOUNT_ID is ${JSON.stringify(given)}; an account id has 32 hexadecimal digits.`,
  );
}
