#!/usr/bin/env node
// The only module that ends the process. The `ipc` server is recognised before anything else is loaded:
// it must own stdout before any other module is evaluated, and it starts with every desktop app.
import { claimStdout } from './server/claim-stdout.js';

const [noun, ...rest] = process.argv.slice(2);

// A help text is for a person: it goes through the command line's own parser.
const isServer = noun === 'ipc' && !rest.includes('--help') && !rest.includes('-h');

async function run(): Promise<number> {
  if (!isServer) {
    const { runCommand } = await import('./commands/index.js');
    return runCommand(process.argv.slice(2));
  }
  const frames = claimStdout();
  const { ipcCommand } = await import('./commands/ipc.js');
  return ipcCommand(rest, frames);
}

run().then(
  (code) => exit(code),
  (error: Error & { code?: unknown }) => {
    process.stderr.write(
      `error: ${error.message}${typeof error.code === 'string' ? ` (${error.code})` : ''}\n`,
    );
    exit(error.code === 'invalid-option' ? 2 : 1);
  },
);

/** Ends the process once what was printed has left it: on a pipe that takes longer than the call that printed it. */
function exit(code: number): void {
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
}
