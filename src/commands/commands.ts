import { authCommands } from './auth.js';
import type { Command } from './command.js';
import { createCommand } from './create.js';
import { dashboardCommand } from './dashboard.js';
import { deployCommand } from './deploy.js';
import { ipcHelp } from './ipc-help.js';
import { kvKeyCommands } from './kv-key.js';
import { kvNamespaceCommands } from './kv-namespace.js';
import { localApiCommand } from './local-api.js';
import { r2BucketCommands } from './r2-bucket.js';
import { r2ObjectCommands } from './r2-object.js';
import { tailCommand } from './tail.js';
import { versionCommand } from './version.js';
import { workersCommands } from './workers.js';

/** Every command, in the order of the help text. */
export const commands: readonly Command[] = [
  createCommand,
  deployCommand,
  tailCommand,
  ...workersCommands,
  ...r2BucketCommands,
  ...r2ObjectCommands,
  ...kvNamespaceCommands,
  ...kvKeyCommands,
  dashboardCommand,
  ...authCommands,
  versionCommand,
  localApiCommand,
  ipcHelp,
];
