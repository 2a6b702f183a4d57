import type { AccountInfo } from '../src/protocol/index.js';

/** What was said in this process; a sidecar that starts again says nothing twice. */
const said = new Set<string>();
const MAX_WARNINGS = 100;

/**
 * Nobody shall take the local account for Cloudflare: where nobody chose it, that is said, with what was found of
 * Cloudflare and is not used. Once in a process.
 */
export function warnOfAccount({ kind, stateDir, warnings = [] }: AccountInfo, chosen: string): void {
  if (kind === 'cloud' || chosen !== 'auto') {
    for (const warning of warnings) warnOnce(warning, warning);
    return;
  }
  const why = warnings.length > 0 ? warnings.join(' ') : 'There are no Cloudflare credentials.';
  warnOnce(
    why,
    `${why} The local account is used, with its state in ${stateDir}. For Cloudflare sign in with \`fluorite-flake auth login\` or set CLOUDFLARE_API_TOKEN; \`account: 'local'\` says that the local one is meant.`,
  );
}

function warnOnce(key: string, text: string): void {
  if (said.has(key) || said.size >= MAX_WARNINGS) return;
  said.add(key);
  process.emitWarning(text, 'FluoriteFlakeWarning');
}
