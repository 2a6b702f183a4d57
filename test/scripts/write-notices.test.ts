import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ROOT } from '../support/built.js';

// Scripts are type-checked by a configuration of their own: this one knows them by path only.
const { bundledPackages, NOTICES_FILE } = (await import(`${ROOT}scripts/write-notices.js`)) as {
  bundledPackages(): Promise<{ name: string }[]>;
  NOTICES_FILE: string;
};

test('every package that the bundles hold has its licence among the notices, and no other (npm run notices)', async () => {
  const text = readFileSync(NOTICES_FILE, 'utf8');
  const [bundles, simulator] = text.split('## `dist/workerd/r2-simulator.js`');
  const told = [...(bundles ?? '').matchAll(/^### (\S+) \S+ \(.*\)\n\n````text\n\S/gm)].map(
    ([, name]) => name,
  );
  const names = (await bundledPackages()).map(({ name }) => name);
  assert.deepEqual([...new Set(told)], [...new Set(names)]);
  assert.ok(names.includes('cloudflare'));
  for (const name of ['miniflare', 'zod', 'node-sanitize-filename'])
    assert.ok(simulator?.includes(`### ${name}`));
});
