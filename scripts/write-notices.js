// Writes THIRD_PARTY_NOTICES.md: every package that the bundles hold, with its licence, as esbuild finds them. What the
// R2 simulator holds it got before it came to us: scripts/notices/r2-simulator.md says that by hand.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bundles } from './bundles.js';

const root = fileURLToPath(new URL('..', import.meta.url));
export const NOTICES_FILE = join(root, 'THIRD_PARTY_NOTICES.md');
const LICENCE_FILE = /^(licen[cs]e|copying|notice)/i;

/**
 * @typedef {{ folder: string, name: string, version: string, licence: string, texts: string[] }} BundledPackage
 */

/** @returns {Promise<BundledPackage[]>} sorted by name and version */
export async function bundledPackages() {
  const results = await Promise.all(
    bundles(join(root, 'dist')).map((options) => build({ ...options, write: false, metafile: true })),
  );
  /** @type {Map<string, BundledPackage>} */
  const packages = new Map();
  for (const { metafile } of results) {
    // What was left out as unused is no part of the bundle.
    const inputs = Object.values(metafile?.outputs ?? {}).flatMap((output) => Object.entries(output.inputs));
    for (const [path, { bytesInOutput }] of inputs) {
      const folder = bytesInOutput > 0 ? packageFolder(path) : undefined;
      if (folder === undefined || packages.has(folder)) continue;
      packages.set(folder, readPackage(folder));
    }
  }
  // Two copies of one version are one entry.
  const unique = new Map([...packages.values()].map((one) => [`${one.name} ${one.version}`, one]));
  return [...unique].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

/**
 * @param {string} path of a bundled file
 * @returns {string | undefined} the folder of its package; undefined for our own files
 */
function packageFolder(path) {
  return /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
}

/**
 * @param {string} folder
 * @returns {BundledPackage}
 */
function readPackage(folder) {
  const path = join(root, folder);
  const { name, version, license } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
  const texts = readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isFile() && LICENCE_FILE.test(entry.name))
    .map((entry) => entry.name)
    .sort()
    .map((file) => readFileSync(join(path, file), 'utf8').replaceAll('\r\n', '\n').trim());
  return { folder, name, version, licence: license ?? 'see below', texts };
}

/** @returns {Promise<string>} the text of the file; the same for the same packages */
export async function notices() {
  const packages = await bundledPackages();
  const missing = packages.filter(({ texts }) => texts.length === 0).map(({ name }) => name);
  // The licence's text has to come with the code: one that is not there must be looked up and added by hand.
  const byHand = readdirSync(join(root, 'scripts/notices'));
  const unknown = missing.filter((name) => !byHand.includes(byHandFile(name)));
  if (unknown.length > 0) {
    throw new Error(`No licence text: ${unknown.join(', ')}. Add it as scripts/notices/<name>.txt.`);
  }
  return [
    '# Third-party notices',
    'The published package contains code of others, bundled at build time. Their notices follow. `npm run notices` writes this file.',
    '## `dist/src`, `dist/bridge`, `dist/worker`',
    ...packages.flatMap(({ name, version, licence, texts }) => [
      `### ${name} ${version} (${licence})`,
      ...(texts.length > 0
        ? texts
        : [readFileSync(join(root, 'scripts/notices', byHandFile(name)), 'utf8').trim()]
      ).map(quoted),
    ]),
    readFileSync(join(root, 'scripts/notices/r2-simulator.md'), 'utf8').trim(),
  ]
    .join('\n\n')
    .concat('\n');
}

/** @param {string} name */
function byHandFile(name) {
  return `${name.replaceAll('/', '__')}.txt`;
}

/**
 * A licence as it is: nothing in it is markup.
 * @param {string} text
 */
function quoted(text) {
  return `\`\`\`\`text\n${text}\n\`\`\`\``;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(NOTICES_FILE, await notices());
