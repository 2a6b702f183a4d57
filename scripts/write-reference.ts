// Writes what the documentation takes from the code: docs/methods.md, docs/errors.md, the README's method table and the
// routes in docs/local-api.md.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { errorReference } from './reference/errors.js';
import { withRouteTable } from './reference/local-api.js';
import { methodReference } from './reference/methods.js';
import { withMethodTable } from './reference/readme.js';

const root = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

await writeFile(root('docs/methods.md'), methodReference());
await writeFile(root('docs/errors.md'), errorReference());
await writeFile(root('README.md'), withMethodTable(await readFile(root('README.md'), 'utf8')));
await writeFile(root('docs/local-api.md'), withRouteTable(await readFile(root('docs/local-api.md'), 'utf8')));
