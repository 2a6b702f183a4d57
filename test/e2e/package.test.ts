import assert from 'node:assert/strict';
import { type ExecFileSyncOptions, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ROOT } from '../support/built.js';
import { installPackage } from '../support/installed-package.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { HANG_MS } from '../support/until.js';
import { writeWorkerProject } from '../support/worker-project.js';

const folder = temporaryFolder();
installPackage(folder);
const project = writeWorkerProject(join(folder, 'project'));
const empty = join(folder, 'empty');
mkdirSync(empty);
const environment = { ...process.env, FLUORITE_FLAKE_HOME: join(folder, 'home') };

interface Run {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs one of the reference's snippets from `cwd`, word for word but for `cliPath`. */
function runSnippet(name: string, cwd: string): Run {
  const source = readFileSync(`${ROOT}test/e2e/reference/${name}`, 'utf8');
  const file = join(cwd, name);
  writeFileSync(
    file,
    source.replace('/path/to/fluorite-flake', join(folder, 'node_modules/.bin/fluorite-flake')),
  );
  return run(process.execPath, [file], { cwd });
}

function run(file: string, args: string[], options: ExecFileSyncOptions): Run {
  return spawnSync(file, args, { env: environment, timeout: HANG_MS, ...options, encoding: 'utf8' });
}

function lastLine<T>({ stdout, stderr }: Run): T {
  const line = stdout.trim().split('\n').at(-1) as string;
  assert.match(line, /^\{/, `no result; stderr: ${stderr}`);
  return JSON.parse(line) as T;
}

describe('the package as it is published', () => {
  it('runs the basic usage of the reference', () => {
    const result = runSnippet('basic-usage.mjs', project);
    const { data } = lastLine<{ data: { account: { kind: string }; errors: unknown[] } }>(result);
    assert.equal(result.status, 0);
    assert.equal(data.account.kind, 'local');
    assert.deepEqual(data.errors, []);
    assert.match(result.stderr, /`ipcPort` and `ipcHost` have no effect/);
  });

  it('runs the advanced usage of the reference, from a project folder', () => {
    const result = runSnippet('advanced-usage.mjs', project);
    const outcome = lastLine<{
      deployResult: { success: boolean; name: string };
      state: string;
      stopped: string;
    }>(result);
    assert.equal(result.status, 0);
    assert.equal(outcome.deployResult.success, true);
    assert.equal(outcome.deployResult.name, 'my-worker');
    assert.equal(outcome.state, outcome.stopped);
    const changes = result.stdout.split('\n').filter((line) => line.startsWith('State changed'));
    assert.deepEqual(changes, [
      'State changed from idle to starting',
      'State changed from starting to running',
      'State changed from running to restarting',
      'State changed from restarting to running',
      'State changed from running to stopping',
      'State changed from stopping to stopped',
    ]);
    assert.equal(result.stdout.includes('Sidecar is running'), true);
    assert.equal(result.stderr.includes('your-secret-token'), false);
  });

  it('names the files it looked for when there is no project', () => {
    const result = runSnippet('advanced-usage.mjs', empty);
    assert.equal(result.status, 1);
    for (const file of ['wrangler.jsonc', 'wrangler.json', 'wrangler.toml']) {
      assert.ok(result.stderr.includes(join(empty, file)), `${file} is not named in: ${result.stderr}`);
    }
  });

  it('can be required from CommonJS', () => {
    const result = runSnippet('security.cjs', project);
    assert.equal(result.status, 0, result.stderr);
    assert.deepEqual(lastLine(result), { pong: true, state: true });
  });

  it('has a CLI that answers without a library around it', () => {
    const cli = join(folder, 'node_modules/.bin/fluorite-flake');
    const version = run(cli, ['version', '--json'], { cwd: empty });
    const { version: own } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as { version: string };
    assert.equal((JSON.parse(version.stdout) as { version: string }).version, own);
    const created = run(cli, ['create', 'my-site', '--json'], { cwd: empty });
    assert.equal(created.status, 0, created.stderr);
    const deployed = run(cli, ['deploy', '--account', 'local', '--json'], { cwd: join(empty, 'my-site') });
    assert.equal(deployed.status, 0, deployed.stderr);
    assert.equal((JSON.parse(deployed.stdout) as { name: string }).name, 'my-site');
  });

  it('makes projects that depend on it where npm finds it: its folder, or a version of the registry', () => {
    const installed = join(folder, 'node_modules/fluorite-flake');
    const dependencyOf = (cli: string, name: string, resolved?: string) => {
      const lock = { packages: { 'node_modules/fluorite-flake': { resolved } } };
      writeFileSync(join(folder, 'node_modules/.package-lock.json'), JSON.stringify(lock));
      const created = run(cli, ['create', name, '--json'], { cwd: empty });
      assert.equal(created.status, 0, created.stderr);
      const text = readFileSync(join(empty, name, 'package.json'), 'utf8');
      return (JSON.parse(text) as { devDependencies: Record<string, string> }).devDependencies[
        'fluorite-flake'
      ];
    };
    const cli = join(folder, 'node_modules/.bin/fluorite-flake');
    assert.equal(dependencyOf(cli, 'of-a-tarball', 'file:../package.tgz'), `file:${installed}`);
    assert.equal(dependencyOf(cli, 'of-others'), `file:${installed}`);
    assert.match(
      dependencyOf(cli, 'of-a-registry', 'https://registry.test/f.tgz') ?? '',
      /^\^\d+\.\d+\.\d+$/,
    );
    assert.equal(
      dependencyOf(join(ROOT, 'dist/src/cli.cjs'), 'of-a-checkout'),
      `file:${ROOT.replace(/\/$/, '')}`,
    );
  });

  it('types its door: a program against it compiles', () => {
    const file = join(folder, 'typed.mts');
    writeFileSync(
      file,
      `import { TauriSidecar, SidecarState, SidecarError, isTailGap, proxy, type SidecarOptions } from 'fluorite-flake/tauri';
import { methods, type Result } from 'fluorite-flake';
const options: SidecarOptions = { ipcPort: 9123, account: 'local' };
const sidecar = new TauriSidecar(options);
sidecar.on('state-change', ({ from, to }: { from: SidecarState; to: SidecarState }) => console.log(from, to));
const buckets: Result<'dashboard.listR2Buckets'> = await sidecar.call('dashboard.listR2Buckets');
const { pong }: { pong: true } = await sidecar.remote.call('system.ping');
await sidecar.remote.tail({ workerName: 'w' }, proxy((batch) => console.log(batch.events.length)));
for await (const event of sidecar.tailLogs({ workerName: 'w' })) if (!isTailGap(event)) console.log(event.outcome);
// @ts-expect-error an unknown method
await sidecar.call('dashboard.nothing');
// @ts-expect-error a missing param
await sidecar.call('dashboard.deleteWorker', {});
console.log(buckets, pong, SidecarError, Object.keys(methods));
`,
    );
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];
    const roots = ['--typeRoots', join(ROOT, 'node_modules/@types')];
    const result = run(process.execPath, [tsc, ...flags, ...roots, file], { cwd: folder });
    assert.equal(result.status, 0, result.stdout);
  });
});
