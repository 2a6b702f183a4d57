import assert from 'node:assert/strict';
import { chmod, readdir, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { commands } from '../../src/commands/commands.js';
import { createProgram } from '../../src/commands/program.js';
import { methods } from '../../src/protocol/index.js';
import { projectFolder } from '../project/project-folder.js';
import { until } from '../support/until.js';
import { isBuilt, resultOf, runCli, startCli } from './run-cli.js';

test('without arguments the help is printed', async () => {
  const { code, stdout, stderr } = await runCli([]);
  assert.equal(code, 0);
  assert.equal(stderr, '');
  for (const name of ['create', 'deploy', 'tail', 'workers', 'r2', 'kv', 'dashboard', 'version', 'ipc']) {
    assert.match(stdout, new RegExp(`^  ${name}\\b`, 'm'));
  }
});

test('every command has a help text with examples and the global options', async () => {
  for (const command of commands) {
    let text = '';
    const output = {
      writeOut(part: string) {
        text += part;
      },
      writeErr() {},
    };
    const program = createProgram(commands, output, async () => assert.fail('nothing is run'));
    await assert.rejects(program.parseAsync([...command.path, '--help'], { from: 'user' }));
    assert.match(text, /Examples:\n {2}fluorite-flake /, command.path.join(' '));
    assert.match(text, /--state-dir/);
    for (const example of command.examples) assert.ok(example.startsWith(command.path.join(' ')), example);
  }
});

test('help comes from the real process too, and for ipc', async () => {
  const { code, stdout } = await runCli(['ipc', '--help']);
  assert.equal(code, 0);
  assert.match(stdout, /--auth-fd <n>/);
});

const WRONG: [string, string[], RegExp][] = [
  ['an unknown command', ['wrokers'], /unknown command 'wrokers'.*Did you mean workers/s],
  ['an unknown option', ['deploy', '--nope'], /unknown option '--nope'/],
  ['a missing argument', ['workers', 'delete'], /missing required argument 'name'/],
  ['a group without a command', ['r2', 'bucket'], /Usage: fluorite-flake r2 bucket/],
  [
    'a value of a wrong kind',
    ['r2', 'object', 'list', 'photos', '--limit', 'many'],
    /--limit takes a number, not "many"/,
  ],
  [
    'a value out of a list',
    ['r2', 'bucket', 'create', 'photos', '--location', 'mars'],
    /--location takes apac/,
  ],
  [
    'a bucket name that R2 refuses',
    ['r2', 'bucket', 'create', '../x'],
    /a bucket name has 3 to 63.*\(invalid-params\)/,
  ],
  ['a project name that leaves its folder', ['create', '../x'], /a project name has.*\(invalid-params\)/],
  ['a Worker name of the wrong form', ['tail', 'My Worker'], /a Worker name has.*\(invalid-params\)/],
  ['ipc behind an option', ['--debug', 'ipc'], /`ipc` must be the first word/],
];
test('a wrong command line ends with exit code 2 and says what is wrong', async () => {
  await Promise.all(
    WRONG.map(async ([title, args, expected]) => {
      const { code, stdout, stderr } = await runCli(args);
      assert.equal(code, 2, `${title}: ${stderr}`);
      assert.equal(stdout, '');
      assert.match(stderr, expected, title);
    }),
  );
});

test('with --json an error is one JSON object on stderr', async () => {
  for (const args of [
    ['--json', 'nope'],
    ['create', '../x', '--json'],
    ['workers', 'delete', '--json'],
  ]) {
    const { code, stdout, stderr } = await runCli(args);
    assert.equal(code, 2);
    assert.equal(stdout, '');
    const { error } = JSON.parse(stderr);
    assert.match(error.code, /^invalid-(option|params)$/);
    assert.ok(error.message.length > 0);
    assert.equal(typeof error.data, 'object');
  }
});

test('--json behind -- is a value and no option', async (t) => {
  const folder = await projectFolder(t);
  const { code, stderr } = await runCli(['create', '--path', folder, '--', '--json']);
  assert.equal(code, 2);
  assert.match(stderr, /^error: /);
});

test('a project is created without any account being opened', async (t) => {
  const folder = await projectFolder(t);
  const { code, stdout, stderr } = await runCli(['create', 'notes', '--json', '--cwd', folder]);
  assert.equal(stderr, '');
  assert.equal(code, 0);
  const result = JSON.parse(stdout);
  assert.deepEqual(methods['project.create'].result.parse(result), result);
  assert.equal(result.projectPath, join(folder, 'notes'));
  const again = await runCli(['create', 'notes', '--path', folder]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^error: .* exists already .*\(already-exists\)$/m);
});

test('version prints what the contract says, as JSON and for people', async () => {
  const [json, text, flag] = await Promise.all([
    runCli(['version', '--json']),
    runCli(['version']),
    runCli(['--version']),
  ]);
  const result = JSON.parse(json.stdout);
  assert.deepEqual(methods['system.version'].result.parse(result), result);
  assert.match(text.stdout, new RegExp(`^fluorite-flake ${result.version.replaceAll('.', '\\.')}\n`));
  assert.equal(flag.stdout, text.stdout);
  assert.equal(text.stderr, '');
});

test('the bundler sees no credentials', { skip: !isBuilt && 'not built' }, async (t) => {
  const folder = await projectFolder(t, {
    'i.js': 'export default {};',
    'esbuild.sh': `#!/bin/sh\nenv > seen.txt\nexec "$(dirname "$0")/esbuild" "$@"\n`,
  });
  await chmod(join(folder, 'esbuild.sh'), 0o755);
  const binary = createRequire(createRequire(import.meta.url).resolve('esbuild')).resolve(
    `@esbuild/${process.platform}-${process.arch}/bin/esbuild`,
  );
  await symlink(binary, join(folder, 'esbuild'));
  const { code, stderr } = await runCli(
    ['deploy', 'i.js', '--name', 'a', '--dry-run', '--account', 'local'],
    {
      cwd: folder,
      env: { ESBUILD_BINARY_PATH: join(folder, 'esbuild.sh'), CLOUDFLARE_API_TOKEN: 'canary' },
    },
  );
  assert.equal(code, 0, stderr);
  const seen = await readFile(join(folder, 'seen.txt'), 'utf8');
  assert.match(seen, /^PATH=/m);
  assert.doesNotMatch(seen, /canary/);
});

test('Ctrl-C while a project is installed ends with 130 and leaves nothing', async (t) => {
  const folder = await projectFolder(t, {
    'bin/npm': '#!/bin/sh\necho started > ../started\nexec sleep 60\n',
    'to/x': '',
  });
  await chmod(join(folder, 'bin/npm'), 0o755);
  const child = startCli(['create', 'notes', '--path', join(folder, 'to'), '--install'], {
    env: { PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
  });
  const ended = resultOf(child);
  await until('the installation', async () => (await readdir(join(folder, 'to'))).includes('started'));
  child.kill('SIGINT');
  const { code, stderr } = await ended;
  assert.equal(code, 130, stderr);
  assert.deepEqual((await readdir(join(folder, 'to'))).sort(), ['started', 'x']);
});

test('a reader of stdout that goes away ends the command quietly', async () => {
  const child = startCli([]);
  child.stdout?.destroy();
  const { code, stderr } = await resultOf(child);
  assert.equal(code, 0);
  assert.equal(stderr, '');
});

test('every method that a person can call has a command', () => {
  const called = new Set<string | undefined>([
    ...commands.map(({ method }) => method),
    // What belongs to a connection; `tail` opens its stream without one.
    ...[
      'initialize',
      'rpc.discover',
      'system.ping',
      'system.shutdown',
      'dashboard.tailLogs',
      'dashboard.stopTail',
    ],
  ]);
  assert.deepEqual(
    Object.keys(methods).filter((name) => !called.has(name)),
    [],
  );
});

test('deploy takes the configuration of -c from the folder of --cwd', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.jsonc': '{ "name": "found", "main": "nowhere.js" }',
    'app/other.toml': 'name = "named"\nmain = "index.js"\ncompatibility_date = "2026-01-02"\n',
    'app/index.js': 'export default { fetch: () => new Response() };',
  });
  for (const flag of ['-c', '--config']) {
    const { code, stdout, stderr } = await runCli([
      'deploy',
      flag,
      'app/other.toml',
      '--dry-run',
      '--cwd',
      folder,
    ]);
    assert.deepEqual([code, stdout.split(' ')[0]], [0, 'named'], stderr);
  }
});
