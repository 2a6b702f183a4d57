import { parseIpcArguments } from '../src/commands/ipc.js';
import { readTokenFromFd } from '../src/commands/read-token.js';
import { claimStdout, serveStdio } from '../src/server/index.js';
import { syntheticAccount } from './synthetic-account.js';

/** `fluorite-flake ipc` with the synthetic account: taken as `cliPath`, with the arguments the library gives its child. */
const frames = claimStdout();
const { cwd, maxBodyBytes, authFd } = parseIpcArguments(process.argv.slice(3));
process.exitCode = await serveStdio({
  input: process.stdin,
  output: frames,
  cwd,
  maxBodyBytes,
  log: () => {},
  token: authFd === undefined ? undefined : await readTokenFromFd(authFd),
  openAccount: () => Promise.resolve(syntheticAccount),
});
process.exit();
