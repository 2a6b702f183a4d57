import type { AccountInfo } from '../protocol/index.js';

/**
 * Which account answers, for stderr: nobody shall take the local one for Cloudflare.
 * @param account what was asked for: of `auto` it is said how to come to the other one
 */
export function accountLines(info: AccountInfo, account: string): string[] {
  const warnings = (info.warnings ?? []).map((warning) => `warning: ${warning}`);
  return [accountLine(info, account), ...warnings];
}

function accountLine(info: AccountInfo, account: string): string {
  if (info.kind === 'cloud') {
    const name = info.id === '' ? 'by a login that wrangler is asked for' : `${info.name} (${info.id})`;
    return `Cloudflare account ${name}, ${info.credentials ?? ''}`;
  }
  const fallback =
    account === 'auto' ? '; for Cloudflare: fluorite-flake auth login, or CLOUDFLARE_API_TOKEN' : '';
  return `local account, state in ${info.stateDir}${fallback}`;
}
