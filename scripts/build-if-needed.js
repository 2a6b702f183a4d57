// Builds unless `dist` is there and newer than everything it is made from. Says nothing when there is nothing to do.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = ['src', 'worker', 'bridge', 'scripts', 'package.json', 'package-lock.json'];

const builtMs = changedMs(join(root, 'dist/src/cli.cjs'));
if (builtMs === undefined || SOURCES.some((source) => hasNewer(join(root, source), builtMs))) {
  console.log(builtMs === undefined ? 'Building ...' : 'The sources have changed: building ...');
  await import('./build.js');
}

/**
 * @param {string} path
 * @param {number} thanMs
 * @returns {boolean} whether the file, or one below the folder, is newer
 */
function hasNewer(path, thanMs) {
  const entry = statSync(path, { throwIfNoEntry: false });
  if (entry === undefined) return false;
  // A folder's own time tells of files that were removed.
  if (entry.mtimeMs > thanMs) return true;
  return entry.isDirectory() && readdirSync(path).some((name) => hasNewer(join(path, name), thanMs));
}

/** @param {string} path */
function changedMs(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}
