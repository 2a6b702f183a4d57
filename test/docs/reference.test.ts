import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { errorReference } from '../../scripts/reference/errors.js';
import { withRouteTable } from '../../scripts/reference/local-api.js';
import { methodReference } from '../../scripts/reference/methods.js';
import { withMethodTable } from '../../scripts/reference/readme.js';
import { ERRORS, methods } from '../../src/protocol/index.js';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const STALE = 'run `npm run docs` and commit what it wrote';

test('docs/methods.md is what the contract says now', () => {
  assert.equal(read('docs/methods.md'), methodReference(), STALE);
});

test('docs/errors.md is what the contract says now and has every code', () => {
  const text = read('docs/errors.md');
  assert.equal(text, errorReference(), STALE);
  const codes = [...text.matchAll(/^### `([\w-]+)`$/gm)].map(([, code]) => code);
  assert.deepEqual(codes, Object.keys(ERRORS));
});

test("the README's method table names exactly the contract's methods", () => {
  const readme = read('README.md');
  assert.equal(readme, withMethodTable(readme), STALE);
  const names = [...readme.matchAll(/^\| \[`([\w.]+)`\]\(docs\/methods\.md/gm)].map(([, name]) => name);
  assert.deepEqual(
    names,
    Object.keys(methods).filter((name) => name !== 'initialize'),
  );
});

test('docs/local-api.md lists every route that is served, and no other', () => {
  const page = read('docs/local-api.md');
  assert.equal(page, withRouteTable(page), STALE);
});
