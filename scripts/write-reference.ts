// Writes what the documentation takes from the contract: docs/methods.md, docs/errors.md and the README's method table.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { errorReference } from './reference/errors.js';
import { methodReference } from './reference/methods.js';
import { withMethodTable } from './reference/readme.js';

const root = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

await writeFile(root('docs/methods.md'), methodReference());
await writeFile(root('docs/errors.md'), errorReference());
await writeFile(root('README.md'), withMethodTable(await readFile(root('README.md'), 'utf8')));
