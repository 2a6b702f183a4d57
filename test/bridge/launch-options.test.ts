import assert from 'node:assert/strict';
import { test } from 'node:test';
import { launchOptions } from '../../bridge/launch-options.js';
import { resolveOptions } from '../../bridge/options.js';
import { findPackageFiles } from '../../bridge/package-files.js';
import { parseIpcArguments } from '../../src/commands/ipc.js';

const argumentsOf = (options: Parameters<typeof resolveOptions>[0]) =>
  parseIpcArguments(launchOptions(resolveOptions(options), findPackageFiles()).args);

test('the CLI understands every argument the library gives it', () => {
  const few = argumentsOf({});
  assert.deepEqual([few.account, few.allowNetwork, few.readOnly, few.debug], ['auto', false, false, false]);
  const all = argumentsOf({
    account: 'local',
    stateDir: '/state',
    allowNetwork: true,
    readOnly: true,
    debug: true,
    maxBodyBytes: 4096,
    stopTimeout: 1234,
  });
  assert.deepEqual(
    [all.account, all.stateDir, all.allowNetwork, all.readOnly, all.debug, all.maxBodyBytes, all.stopTimeout],
    ['local', '/state', true, true, true, 4096, 1234],
  );
});
