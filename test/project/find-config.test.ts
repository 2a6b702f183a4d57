import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { prepareUpload } from '../../src/project/prepare-upload.js';
import { type Params, parseParams } from '../../src/protocol/index.js';
import { projectFolder, WORKER } from './project-folder.js';

function prepare(params: Params<'dashboard.deployWorker'>, cwd: string) {
  return prepareUpload(parseParams('dashboard.deployWorker', params), {
    cwd,
    account: async () => 'cloud',
    signal: new AbortController().signal,
    progress: () => {},
  });
}

const config = (name: string, more: object = {}) =>
  JSON.stringify({ name, main: 'index.ts', compatibility_date: '2026-01-02', ...more });
const REDIRECT = '.wrangler/deploy/config.json';

test('the configuration of a folder above is found, and the warnings say so', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.jsonc': config('above'),
    'index.ts': WORKER,
    'a/b/other.txt': '',
  });
  const upload = await prepare({ cwd: 'a/b' }, folder);
  assert.equal(upload.name, 'above');
  assert.ok(
    upload.warnings[0]?.startsWith(`${join(folder, 'wrangler.jsonc')} is the project's configuration`),
  );
  assert.deepEqual((await prepare({}, folder)).warnings, []);
});

test('an entry in another folder has the configuration beside it', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.json': config('above'),
    'app/wrangler.json': config('beside'),
    'app/src/entry.ts': WORKER,
  });
  const upload = await prepare({ entry: 'app/src/entry.ts' }, folder);
  assert.deepEqual([upload.name, upload.mainModule], ['beside', 'entry.js']);
});

test('as in wrangler, a wrangler.json above wins over a wrangler.toml in the folder', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.json': config('json'),
    'index.ts': WORKER,
    'app/wrangler.toml': 'name = "toml"\nmain = "index.ts"',
    'app/index.ts': WORKER,
  });
  assert.equal((await prepare({ cwd: 'app' }, folder)).name, 'json');
});

test('a redirected configuration is deployed in place of its own, for the environment it was built for', async (t) => {
  const generated = { targetEnvironment: 'staging', topLevelName: 'own', definedEnvironments: ['staging'] };
  const folder = await projectFolder(t, {
    'wrangler.json': config('own', { env: { staging: {}, other: {} } }),
    'index.ts': WORKER,
    [REDIRECT]: '{ "configPath": "../../dist/wrangler.json" /* a comment */ }',
    'dist/wrangler.json': config('own-staging', generated),
    'dist/index.ts': WORKER,
  });
  const upload = await prepare({}, folder);
  assert.equal(upload.name, 'own-staging');
  assert.match(
    upload.warnings.join(),
    /dist\/wrangler\.json was deployed, the configuration that a build wrote/,
  );
  assert.equal((await prepare({ env: 'staging' }, folder)).name, 'own-staging');
  await assert.rejects(prepare({ env: 'other' }, folder), {
    code: 'config-invalid',
    message: /built for the environment `staging`, and `other` was asked for/,
  });
});

const BROKEN: { title: string; files: Record<string, string>; message: RegExp }[] = [
  {
    title: 'names no configuration',
    files: { [REDIRECT]: '{}' },
    message: /names no `configPath`/,
  },
  {
    title: 'names one that is not there',
    files: { [REDIRECT]: '{ "configPath": "../../dist/wrangler.json" }' },
    message: /is not there; build the project/,
  },
  {
    title: 'is not JSON',
    files: { [REDIRECT]: '{' },
    message: /config\.json:1:/,
  },
  {
    title: 'leads to one with environments',
    files: {
      [REDIRECT]: '{ "configPath": "../../dist/wrangler.json" }',
      'dist/wrangler.json': config('app', { env: { a: {} } }),
    },
    message: /has the environments a, and may have none/,
  },
  {
    title: 'stands beside another project',
    files: { [`../${REDIRECT}`]: '{ "configPath": "../../app/wrangler.json" }' },
    message: /beside another project/,
  },
];
for (const { title, files, message } of BROKEN) {
  test(`a redirection that ${title} is refused`, async (t) => {
    const folder = await projectFolder(t, {
      'app/wrangler.json': config('app'),
      'app/index.ts': WORKER,
      ...Object.fromEntries(Object.entries(files).map(([name, text]) => [join('app', name), text])),
    });
    await assert.rejects(prepare({ cwd: 'app' }, folder), { code: 'config-invalid', message });
  });
}
