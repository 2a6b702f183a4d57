import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from './built.js';

interface PackageJson {
  bin: Record<string, string>;
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
}

/**
 * Packs the package as it is published and lays it out in `folder`/node_modules as `npm install` does, with what it
 * declares as its dependencies linked beside it and nothing else: a module that is needed but not declared is missing.
 * (npm itself would ask a registry.)
 */
export function installPackage(folder: string): void {
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const modules = join(folder, 'node_modules');
  const installed = join(modules, 'fluorite-flake');
  mkdirSync(installed, { recursive: true });
  const tarball = join(folder, packed.trim().split('\n').at(-1) as string);
  execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', installed]);
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as PackageJson;
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(realpathSync(join(ROOT, 'node_modules', name)), join(modules, name));
  }
  linkBinaries(modules, installed, manifest.bin);
}

function linkBinaries(modules: string, installed: string, bin: Record<string, string>): void {
  mkdirSync(join(modules, '.bin'));
  for (const [name, file] of Object.entries(bin)) {
    chmodSync(join(installed, file), 0o755);
    symlinkSync(join('..', 'fluorite-flake', file), join(modules, '.bin', name));
  }
}
