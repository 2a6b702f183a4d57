import type { CommandOption } from './command.js';

/** What every command takes, before or behind its own words. */
export interface GlobalOptions {
  /** auto, local, cloud or an account id. */
  account: string;
  stateDir?: string;
  cwd?: string;
  allowNetwork: boolean;
  readOnly: boolean;
  json: boolean;
  debug: boolean;
}

export const GLOBAL_OPTIONS: readonly CommandOption[] = [
  {
    flags: '--account <which>',
    description: 'auto (Cloudflare with credentials, else local), local, cloud, or an account id',
  },
  { flags: '--state-dir <dir>', description: "the local account's state folder" },
  { flags: '--allow-network', description: 'let local Workers reach public addresses' },
  { flags: '--cwd <dir>', description: 'work as if started in this folder' },
  { flags: '--read-only', description: 'refuse whatever changes something' },
  { flags: '--json', description: 'print the result, and errors on stderr, as JSON' },
  { flags: '--debug', description: 'print what happens to stderr' },
];

export function globalOptions(values: Readonly<Record<string, unknown>>): GlobalOptions {
  const text = (name: string) => (typeof values[name] === 'string' ? (values[name] as string) : undefined);
  return {
    account: text('account') ?? 'auto',
    stateDir: text('stateDir'),
    cwd: text('cwd'),
    allowNetwork: values.allowNetwork === true,
    readOnly: values.readOnly === true,
    json: values.json === true,
    debug: values.debug === true,
  };
}
