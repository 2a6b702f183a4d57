import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createProject } from '../../src/project/create.js';
import { parseParams } from '../../src/protocol/index.js';
import { HANG_MS } from '../support/until.js';
import { projectFolder } from './project-folder.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const isBuilt = existsSync(join(root, 'dist/bridge/index.js')) && existsSync(join(root, 'dist/src/cli.cjs'));

test('the tests of a created project pass, and so does its type check', {
  skip: !isBuilt && 'not built',
}, async (t) => {
  const folder = await projectFolder(t);
  const { projectPath } = await createProject(
    parseParams('project.create', { name: 'notes', path: folder }),
    {
      cwd: folder,
      signal: new AbortController().signal,
      progress: () => {},
    },
  );
  // As `npm install` would, with the package that is built here.
  const modules = join(projectPath, 'node_modules');
  await mkdir(join(modules, '@cloudflare'), { recursive: true });
  await symlink(root, join(modules, 'fluorite-flake'));
  await symlink(
    join(root, 'node_modules/@cloudflare/workers-types'),
    join(modules, '@cloudflare/workers-types'),
  );

  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(CLOUDFLARE_|NODE_TEST_CONTEXT|NODE_OPTIONS)/.test(name),
    ),
  );
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, args, { cwd: projectPath, env, timeout: HANG_MS }).catch((error) =>
      assert.fail(`node ${args.join(' ')}: ${error.stdout}${error.stderr}`),
    );
  const [tests] = await Promise.all([
    run('--test', '--test-reporter=tap'),
    run(join(root, 'node_modules/typescript/bin/tsc')),
  ]);
  assert.match(tests.stdout, /^# pass 4$/m);
  assert.match(tests.stdout, /^# fail 0$/m);
});
