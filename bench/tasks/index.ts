import { cliTasks, wranglerTasks } from './command-tasks.js';
import { sidecarTasks } from './sidecar-tasks.js';
import type { Tasks } from './tasks.js';

/** Who can do the tasks, by row; the reference of ratios first. */
export const taskRunners: Readonly<Record<string, () => Promise<Tasks>>> = {
  wrangler: wranglerTasks,
  'fluorite-flake, started anew': cliTasks,
  'sidecar.call': sidecarTasks,
};
