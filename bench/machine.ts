import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { dirname, join } from 'node:path';
import type { Machine } from './results.js';

const PACKAGES = ['vscode-jsonrpc', 'comlink', 'kkrpc', 'birpc', 'piscina', 'execa', 'wrangler', 'workerd'];

/** What the figures were measured on: figures without it mean nothing. */
export function describeMachine(): Machine {
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${type()} ${release()}`,
    node: process.version,
    versions: Object.fromEntries(['fluorite-flake', ...PACKAGES].map((name) => [name, versionOf(name)])),
    loadBefore: loadavg()[0] ?? Number.NaN,
  };
}

/** @throws when the package is not installed: its peer could not run either. */
function versionOf(name: string): string {
  if (name === 'fluorite-flake') return readVersion(new URL('../package.json', import.meta.url));
  // Most packages do not export their package.json: walk up from the entry point to it.
  let folder = dirname(createRequire(import.meta.url).resolve(name));
  while (!folder.endsWith(join('node_modules', name))) {
    if (folder === dirname(folder)) throw new Error(`The package ${name} has no folder of its own.`);
    folder = dirname(folder);
  }
  return readVersion(join(folder, 'package.json'));
}

function readVersion(path: string | URL): string {
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}
