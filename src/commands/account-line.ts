import type { AccountInfo } from '../protocol/index.js';

/**
 * Which account answers, for stderr: nobody shall take the local one for Cloudflare.
 * @param account what was asked for: of `auto` it is said how to come to the other one
 */
export function accountLine(info: AccountInfo, account: string): string {
  if (info.kind === 'cloud') return `Cloudflare account ${info.name} (${info.id}), ${info.credentials ?? ''}`;
  const fallback =
    account === 'auto' ? '; for Cloudflare: fluorite-flake auth login, or CLOUDFLARE_API_TOKEN' : '';
  return `local account, state in ${info.stateDir}${fallback}`;
}
