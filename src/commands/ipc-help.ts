import { SidecarError } from '../protocol/index.js';
import type { Command } from './command.js';

/** The server itself is started by `cli.ts` before any of this is loaded; here it has its place in the help text. */
export const ipcHelp: Command = {
  path: ['ipc'],
  summary:
    'Serves JSON-RPC 2.0 with Content-Length framing on stdin and stdout, for desktop apps. Opens no port.',
  arguments: [],
  options: [
    { flags: '--auth-fd <n>', description: 'read the token that both sides prove from this file descriptor' },
    { flags: '--auth-stdin', description: 'read the token from the first line of stdin' },
    {
      flags: '--alive-fd <n>',
      description: 'a pipe that every process of the account keeps open as long as it lives',
    },
    { flags: '--stop-timeout <ms>', description: 'how long a shutdown may take (10000)' },
    { flags: '--max-body-bytes <n>', description: 'the largest message, in bytes (16 MiB)' },
  ],
  examples: ['ipc', 'ipc --auth-fd 3 --account local'],
  async run() {
    throw new SidecarError('invalid-option', '`ipc` must be the first word: fluorite-flake ipc [options].');
  },
};
