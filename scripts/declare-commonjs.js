// The doors for `require()`: the same modules (Node loads ES modules for it), and their types once more as CommonJS's,
// because TypeScript's `module: node16` lets no CommonJS file name the types of an ES module.
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** What a declaration file takes from another one of ours. */
const REFERENCE = /(\bfrom\s+|\bimport\()(['"])(\.\.?\/[^'"]+)\.js\2/g;

/**
 * @param {string} outdir
 * @param {readonly string[]} doors without their extension, as `bridge/index`
 * @param {{ types: boolean }} options whether the declarations of ES modules are there to be turned
 */
export async function declareCommonJs(outdir, doors, { types }) {
  await Promise.all(
    doors.map((door) =>
      writeFile(join(outdir, `${door}.cjs`), `'use strict';\nmodule.exports = require('./index.js');\n`),
    ),
  );
  if (!types) return;
  /** @type {Set<string>} */
  const seen = new Set();
  /** @param {string} path without its extension */
  const turn = async (path) => {
    if (seen.has(path)) return;
    seen.add(path);
    const text = await readFile(`${path}.d.ts`, 'utf8');
    await writeFile(`${path}.d.cts`, text.replace(REFERENCE, '$1$2$3.cjs$2'));
    for (const [, , , to] of text.matchAll(REFERENCE))
      await turn(join(dirname(path), /** @type {string} */ (to)));
  };
  for (const door of doors) await turn(join(outdir, door));
}
