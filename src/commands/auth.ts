import { accountIdOf } from '../accounts/account-id.js';
import type { Identity } from '../accounts/sign-in.js';
import { SidecarError } from '../protocol/index.js';
import { promptHidden } from './auth-prompt.js';
import type { Command } from './command.js';
import type { CommandInput } from './input.js';
import type { Session } from './session.js';
import { readStdin } from './stdin.js';

const TOKENS_PAGE = 'https://dash.cloudflare.com/profile/api-tokens';

const login: Command = {
  path: ['auth', 'login'],
  summary:
    "Keeps a Cloudflare API token, in the desktop's keychain where there is one. It is asked for, or read from stdin; never an argument.",
  arguments: [],
  options: [],
  examples: ['auth login', 'auth login --account <id> < token.txt'],
  async run(input, session) {
    const token = await readToken(session);
    const { signIn } = await import('../accounts/sign-in.js');
    const { stored, ...identity } = await signIn(token, accountId(input), here(session));
    if (session.json) return printJson(session, { ...identity, stored });
    await session.print(
      `Signed in.\n${describe(identity)}  kept in the ${stored.keychain ?? `file ${stored.path}, for this user only`}\n`,
    );
    warnOfOthers(session);
  },
};

const logout: Command = {
  path: ['auth', 'logout'],
  summary:
    'Forgets the token that `auth login` keeps. At Cloudflare it stays valid until it is revoked there.',
  arguments: [],
  options: [],
  examples: ['auth logout'],
  async run(_input, session) {
    const { signOut } = await import('../accounts/sign-in.js');
    const signedOut = await signOut(here(session));
    if (session.json) return printJson(session, { signedOut });
    await session.print(signedOut ? 'Signed out.\n' : 'Nobody was signed in with `auth login`.\n');
    if (signedOut) session.note(`The token itself can be revoked at ${TOKENS_PAGE}.`);
    warnOfOthers(session);
  },
};

const whoami: Command = {
  path: ['auth', 'whoami'],
  summary: 'Which credentials are in use, and which accounts they reach.',
  arguments: [],
  options: [],
  examples: ['auth whoami', 'auth whoami --json'],
  async run(input, session) {
    const { whoAmI } = await import('../accounts/sign-in.js');
    const identity = await whoAmI(accountId(input), here(session));
    if (session.json) return printJson(session, identity);
    for (const warning of identity.warnings ?? []) session.note(`warning: ${warning}`);
    await session.print(describe(identity));
  },
};

export const authCommands: readonly Command[] = [login, logout, whoami];

function here({ cwd, signal, terminal }: Session) {
  return { env: process.env, cwd, signal, onSecrets: (secrets: string[]) => terminal.hide(secrets) };
}

async function readToken({ signal }: Session): Promise<string> {
  if (process.stdin.isTTY) {
    return promptHidden(`API token (make one at ${TOKENS_PAGE}): `, process.stdin, process.stderr, signal);
  }
  const { text } = await readStdin('API token', signal);
  return text.trim();
}

/** @throws SidecarError `invalid-option` */
function accountId(input: CommandInput): string | undefined {
  const account = input.text('account');
  if (account === undefined || account === 'auto' || account === 'cloud') return undefined;
  const id = accountIdOf(account);
  if (id) return id;
  throw new SidecarError(
    'invalid-option',
    `Signing in is for Cloudflare: --account takes an account id of 32 hexadecimal digits here, not ${JSON.stringify(account)}.`,
  );
}

function printJson({ print }: Session, value: unknown): Promise<void> {
  return print(`${JSON.stringify(value, null, 2)}\n`);
}

function describe({ credentials, expiresOn, account, accounts }: Identity): string {
  const lines = [`credentials: ${credentials}${expiresOn ? `, until ${expiresOn}` : ''}`];
  for (const { id, name } of accounts)
    lines.push(`account: ${name} (${id})${id === account?.id ? ', in use' : ''}`);
  if (!account) lines.push('which account is not clear: say it with --account <id> or CLOUDFLARE_ACCOUNT_ID');
  return lines.map((line) => `  ${line}\n`).join('');
}

/** What the environment gives is used before what is stored. */
function warnOfOthers({ note }: Session): void {
  const { CLOUDFLARE_API_TOKEN, CLOUDFLARE_API_KEY, CLOUDFLARE_EMAIL } = process.env;
  if (CLOUDFLARE_API_TOKEN) note('CLOUDFLARE_API_TOKEN is set and is used instead.');
  else if (CLOUDFLARE_API_KEY && CLOUDFLARE_EMAIL)
    note('CLOUDFLARE_API_KEY and CLOUDFLARE_EMAIL are set and are used instead.');
}
