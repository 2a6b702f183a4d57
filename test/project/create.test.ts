import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readConfig } from '../../src/project/config.js';
import { createProject } from '../../src/project/create.js';
import { prepareUpload } from '../../src/project/prepare-upload.js';
import { type Params, parseParams } from '../../src/protocol/index.js';
import { projectFolder } from './project-folder.js';

const FILES = [
  '.gitignore',
  'README.md',
  'package.json',
  'src/index.ts',
  'src/store.ts',
  'test/worker.test.js',
  'tsconfig.json',
  'wrangler.jsonc',
];

function create(
  params: Omit<Params<'project.create'>, 'name'> & { name?: string },
  { cwd = '/', signal = new AbortController().signal, progress = (_: { message: string }) => {} } = {},
) {
  return createProject(parseParams('project.create', { name: 'notes', ...params }), {
    cwd,
    signal,
    progress,
  });
}

test('a project is complete, named and ready to be bundled', async (t) => {
  const folder = await projectFolder(t);
  const result = await create({ path: '.' }, { cwd: folder });
  const target = join(folder, 'notes');
  assert.deepEqual(result, { success: true, projectPath: target, files: FILES });
  assert.deepEqual(await readdir(folder), ['notes']);
  assert.equal((await stat(target)).mode & 0o777, 0o777 & ~process.umask());
  for (const file of FILES) {
    assert.doesNotMatch(await readFile(join(target, file), 'utf8'), /\{\{/, `placeholders in ${file}`);
  }
  const config = await readConfig(join(target, 'wrangler.jsonc'), undefined);
  assert.equal(config.name, 'notes');
  assert.deepEqual(config.warnings, []);
  const upload = await prepareUpload(parseParams('dashboard.deployWorker', {}), {
    cwd: target,
    account: async () => 'local',
    signal: new AbortController().signal,
    progress: () => {},
  });
  assert.deepEqual(upload.bindings, [
    { type: 'kv_namespace', name: 'NOTES' },
    { type: 'r2_bucket', name: 'FILES' },
  ]);
  assert.deepEqual(upload.warnings, []);
});

for (const name of ['..', '../escape', '/etc/x', 'a/b', '.hidden', '-x', 'A', '', 'a'.repeat(64), 'a\0b']) {
  test(`the name ${JSON.stringify(name.slice(0, 12))} is refused`, async (t) => {
    const folder = await projectFolder(t);
    assert.throws(() => create({ name, path: folder }), { code: 'invalid-params' });
    assert.deepEqual(await readdir(folder), []);
  });
}

test('what is there already is refused and left alone', async (t) => {
  const folder = await projectFolder(t, { 'full/notes/mine.txt': 'mine', 'file/notes': 'mine' });
  await mkdir(join(folder, 'elsewhere'));
  await mkdir(join(folder, 'link'));
  await symlink(join(folder, 'elsewhere'), join(folder, 'link', 'notes'));
  await mkdir(join(folder, 'dangling'));
  await symlink(join(folder, 'nowhere'), join(folder, 'dangling', 'notes'));
  const before = (await readdir(folder, { recursive: true })).sort();
  for (const place of ['full', 'file', 'link', 'dangling']) {
    await assert.rejects(create({ path: place }, { cwd: folder }), { code: 'already-exists' }, place);
  }
  assert.deepEqual((await readdir(folder, { recursive: true })).sort(), before);
});

test('an empty folder is taken', async (t) => {
  const folder = await projectFolder(t);
  await mkdir(join(folder, 'notes'));
  assert.equal((await create({ path: folder })).projectPath, join(folder, 'notes'));
});

test('a folder behind a symbolic link is used by its real path', async (t) => {
  const folder = await projectFolder(t);
  await mkdir(join(folder, 'real'));
  await symlink(join(folder, 'real'), join(folder, 'link'));
  assert.equal((await create({ path: join(folder, 'link') })).projectPath, join(folder, 'real', 'notes'));
});

test('a place that is missing, no folder or not writable is a file-error', async (t) => {
  const folder = await projectFolder(t, { file: '' });
  await assert.rejects(create({ path: join(folder, 'missing') }), { code: 'file-error' });
  await assert.rejects(create({ path: join(folder, 'file') }), { code: 'file-error' });
  if (process.getuid?.() === 0) return;
  await mkdir(join(folder, 'closed'));
  await chmod(join(folder, 'closed'), 0o500);
  await assert.rejects(create({ path: join(folder, 'closed') }), { code: 'file-error' });
});

test('a cancelled creation leaves nothing, whenever it is cancelled', async (t) => {
  const folder = await projectFolder(t);
  for (const at of [0, 1]) {
    const controller = new AbortController();
    let reports = 0;
    const progress = () => {
      if (reports++ === at) controller.abort();
    };
    await assert.rejects(create({ path: folder, git: true }, { signal: controller.signal, progress }), {
      code: 'cancelled',
      name: 'AbortError',
    });
    assert.deepEqual(await readdir(folder), []);
  }
});

test('a failed installation leaves nothing but the empty folder that was there', async (t) => {
  const folder = await projectFolder(t, {
    'bin/pnpm': '#!/bin/sh\nmkdir node_modules\necho "no registry" >&2\nexit 3\n',
  });
  await chmod(join(folder, 'bin/pnpm'), 0o755);
  withEnv(t, { PATH: `${join(folder, 'bin')}:${process.env.PATH}` });
  const wanted = { path: folder, install: true, packageManager: 'pnpm' } as const;
  await assert.rejects(
    create(wanted),
    (error: { code: string; data: { exitCode: number; stderr: string } }) => {
      assert.equal(error.code, 'command-failed');
      assert.equal(error.data.exitCode, 3);
      assert.equal(error.data.stderr, 'no registry');
      return true;
    },
  );
  assert.deepEqual(await readdir(folder), ['bin']);
  await mkdir(join(folder, 'notes'));
  await assert.rejects(create(wanted), { code: 'command-failed' });
  assert.deepEqual(await readdir(join(folder, 'notes')), []);
});

test('a package manager that is not there is told by its name', async (t) => {
  const folder = await projectFolder(t);
  withEnv(t, { PATH: folder });
  await assert.rejects(create({ path: folder, install: true, packageManager: 'bun' }), {
    code: 'command-failed',
    message: /bun is not installed or not on PATH/,
  });
  assert.deepEqual(await readdir(folder), []);
});

test('an installation runs in the project, without credentials and before the first commit', async (t) => {
  const folder = await projectFolder(t, {
    'bin/npm':
      '#!/bin/sh\necho "$@" > seen.txt\nenv >> seen.txt\nmkdir node_modules\necho x > node_modules/x\n',
  });
  await chmod(join(folder, 'bin/npm'), 0o755);
  withEnv(t, { PATH: `${join(folder, 'bin')}:${process.env.PATH}`, CLOUDFLARE_API_TOKEN: 'canary' });
  const messages: string[] = [];
  const { files, projectPath } = await create(
    { path: folder, install: true, git: true },
    { progress: ({ message }) => messages.push(message) },
  );
  assert.ok(files.includes('seen.txt'));
  assert.ok(!files.some((file) => file.startsWith('node_modules') || file.startsWith('.git/')));
  const seen = await readFile(join(projectPath, 'seen.txt'), 'utf8');
  assert.match(seen, /^install --no-audit --no-fund\n/);
  assert.ok(!seen.includes('canary'));
  assert.equal(messages.length, 3);
  const committed = execFileSync('git', ['ls-files'], { cwd: projectPath, encoding: 'utf8' });
  assert.deepEqual(committed.trim().split('\n').sort(), [...files].sort());
});

test('git makes one commit on main without a known author, and not in the repository around it', async (t) => {
  const folder = await projectFolder(t);
  const elsewhere = join(folder, 'other');
  withEnv(t, { HOME: folder, XDG_CONFIG_HOME: folder, GIT_CONFIG_NOSYSTEM: '1', GIT_DIR: elsewhere });
  const { projectPath } = await create({ path: folder, git: true });
  delete process.env.GIT_DIR;
  const log = execFileSync('git', ['log', '--format=%s|%D'], { cwd: projectPath, encoding: 'utf8' });
  assert.equal(log.trim(), 'Project created by fluorite-flake|HEAD -> main');
  assert.equal(execFileSync('git', ['status', '--porcelain'], { cwd: projectPath, encoding: 'utf8' }), '');
  assert.deepEqual(await readdir(folder), ['notes']);
});

function withEnv(t: TestContext, changes: Record<string, string>): void {
  const kept = { ...process.env };
  Object.assign(process.env, changes);
  t.after(() => {
    for (const name of Object.keys(changes)) delete process.env[name];
    for (const name of Object.keys(changes)) if (kept[name] !== undefined) process.env[name] = kept[name];
  });
}
