import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { ROOT } from '../support/built.js';
import { installPackage } from '../support/installed-package.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const folder = temporaryFolder();
installPackage(folder);
const installed = join(folder, 'node_modules/fluorite-flake');
const tarball = readFileSync(
  join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) as string),
);

function node(name: string, source: string): unknown {
  const file = join(folder, name);
  writeFileSync(file, source);
  const result = spawnSync(process.execPath, [file], { cwd: folder, encoding: 'utf8', timeout: 60_000 });
  assert.equal(result.stderr, '');
  return JSON.parse(result.stdout);
}

describe('the doors of the published package', () => {
  it('have nothing that publint remarks on', async () => {
    const { messages, pkg } = await publint({ pkgDir: installed, level: 'suggestion', strict: true });
    assert.deepEqual(
      messages.map((message) => formatMessage(message, pkg as Record<string, unknown>)),
      [],
    );
  });

  it('have types that fit what each way of loading them gives', async () => {
    const result = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)));
    assert.equal(result.types !== false, true, 'no types were found');
    // TypeScript's oldest resolution, `node10`, knows no `exports`: a folder's name is no door there.
    const problems = 'problems' in result ? result.problems : [];
    const known = problems.filter(
      (problem) => !(problem.kind === 'NoResolution' && problem.resolutionKind === 'node10'),
    );
    assert.deepEqual(known, []);
  });

  it('are one library, however they are loaded', () => {
    const same = node(
      'both.mjs',
      `import { createRequire } from 'node:module';
import * as tauri from 'fluorite-flake/tauri';
import * as contract from 'fluorite-flake';
const require = createRequire(import.meta.url);
const again = require('fluorite-flake/tauri');
console.log(JSON.stringify([
  again.TauriSidecar === tauri.TauriSidecar,
  again.SidecarError === contract.SidecarError,
  Object.keys(again).length === Object.keys(tauri).length,
  require('fluorite-flake').methods === contract.methods,
]));`,
    );
    assert.deepEqual(same, [true, true, true, true]);
  });

  it('type a CommonJS caller under `module: node16`', () => {
    const file = join(folder, 'caller.cts');
    writeFileSync(
      file,
      `import { TauriSidecar, SidecarState, type SidecarOptions } from 'fluorite-flake/tauri';
import contract = require('fluorite-flake');
const options: SidecarOptions = { account: 'local', workerPath: '/copy/worker/main.cjs' };
const sidecar = new TauriSidecar(options);
const running: boolean = sidecar.getState() === SidecarState.RUNNING;
const buckets: Promise<contract.Result<'dashboard.listR2Buckets'>> = sidecar.call('dashboard.listR2Buckets');
// @ts-expect-error an unknown method
void sidecar.call('dashboard.nothing');
console.log(running, buckets);
`,
    );
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const flags = ['--noEmit', '--strict', '--module', 'node16', '--target', 'es2023', '--types', 'node'];
    const roots = ['--typeRoots', join(ROOT, 'node_modules/@types')];
    const { status, stdout } = spawnSync(process.execPath, [tsc, ...flags, ...roots, file], {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout);
  });

  it('run nothing when the package is installed', () => {
    const { scripts } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    const atInstall = [
      'preinstall',
      'install',
      'postinstall',
      'prepublish',
      'preprepare',
      'prepare',
      'postprepare',
    ];
    assert.deepEqual(
      Object.keys(scripts).filter((name) => atInstall.includes(name)),
      [],
    );
  });

  it('hold no file that nobody needs', () => {
    const files = execFileSync('tar', ['-tz'], { input: tarball, encoding: 'utf8' }).trim().split('\n');
    const allowed =
      /^package\/(dist|docs|examples\/node-backend)\/|^package\/[^/]+\.(md|json)$|^package\/LICENSE$/;
    assert.deepEqual(
      files.filter((file) => !allowed.test(file)),
      [],
    );
  });
});
