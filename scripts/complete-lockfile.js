// Adds to the lockfiles, package-lock.json and that of test/products, the optional platform packages that the registry in use did not have when the lockfile was
// written. npm leaves them out then, and `npm ci` refuses a lockfile that misses any. Run it after `npm install` whenever
// `npm ci` says "Missing: … from lock file". Entries added here have no integrity: npm adds it where it installs them.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

for (const name of ['package-lock.json', 'test/products/package-lock.json']) {
  const file = fileURLToPath(new URL(`../${name}`, import.meta.url));
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  complete(lock.packages);
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
}

/**
 * @typedef {{ version?: string, dev?: boolean, optionalDependencies?: Record<string, string>, os?: string[], cpu?: string[], optional?: boolean }} Locked
 * @param {Record<string, Locked>} packages by their paths
 */
function complete(packages) {
  for (const [path, entry] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      // Platform packages are asked for by exact version; a range is met by whatever npm has locked.
      if (path === '' || !/^\d/.test(version)) continue;
      const locked = lockedFor(packages, path, name);
      if (locked?.version === version) continue;
      // Below its package where another version stands above.
      const place = locked === undefined ? `node_modules/${name}` : `${path}/node_modules/${name}`;
      packages[place] = {
        version,
        ...platformOf(name),
        optional: true,
        ...(entry.dev ? { dev: true } : {}),
      };
      console.log(`added ${place} ${version}`);
    }
  }
}

/**
 * What Node would resolve `name` to from the package at `path`: in its own node_modules, or in one above it.
 * @param {Record<string, Locked>} packages
 * @param {string} path
 * @param {string} name
 */
function lockedFor(packages, path, name) {
  for (let folder = path; ; folder = folder.slice(0, folder.lastIndexOf('/node_modules/'))) {
    const locked = packages[`${folder}/node_modules/${name}`];
    if (locked !== undefined) return locked;
    if (!folder.includes('/node_modules/')) return packages[`node_modules/${name}`];
  }
}

/**
 * The `os` and `cpu` that such a package's name speaks of.
 * @param {string} name
 */
function platformOf(name) {
  const os = ['darwin', 'linux', 'android', 'freebsd'].find((one) => name.includes(one)) ?? 'win32';
  return { cpu: [name.includes('arm64') ? 'arm64' : 'x64'], os: [os] };
}
