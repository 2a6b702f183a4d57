import { PROTOCOL_VERSION } from '../src/protocol/index.js';
import { VERSION } from '../src/version.js';
import type { LaunchOptions } from '../worker/contract.js';
import { childEnvironment } from './child-environment.js';
import { createAuthToken, type ResolvedOptions } from './options.js';
import type { PackageFiles } from './package-files.js';

/** What one launch needs: the host's environment as it is now, and a new token unless the user gave one. */
export function launchOptions(options: ResolvedOptions, files: PackageFiles): LaunchOptions {
  const { account, stateDir, maxBodyBytes, startTimeout, cwd, env, debug } = options;
  const args = ['--account', account, '--max-body-bytes', String(maxBodyBytes)];
  if (stateDir !== undefined) args.push('--state-dir', stateDir);
  if (options.allowNetwork) args.push('--allow-network');
  if (options.readOnly) args.push('--read-only');
  if (debug) args.push('--debug');
  args.push('--stop-timeout', String(options.stopTimeout));
  return {
    cliPath: options.cliPath ?? files.cli,
    args,
    cwd,
    env: childEnvironment(process.env, env),
    authToken: options.authToken ?? createAuthToken(),
    startTimeoutMs: startTimeout,
    heartbeatTimeoutMs: options.heartbeatTimeout,
    maxBodyBytes,
    forwardStderr: debug,
    protocolVersion: PROTOCOL_VERSION,
    client: { name: 'fluorite-flake/tauri', version: VERSION },
  };
}
