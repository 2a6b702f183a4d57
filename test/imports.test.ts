import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Import {
  /** Paths from the root, with `.ts`; `to` is a package's or Node's own name when it is no file of ours. */
  from: string;
  to: string;
  /** `import type` and `export type`: nothing of it is left at run time. */
  typeOnly: boolean;
}

/**
 * One folder, or one file, and everything it may import: rooms and packages, `type ` before those whose types alone
 * it may know. `*` is any package but zod: shapes are checked at the boundaries and nowhere else.
 */
const RULES: Readonly<Record<string, readonly string[]>> = {
  'src/lib': ['node:*'],
  'src/transport': ['node:*', 'vscode-jsonrpc', 'vscode-jsonrpc/node'],
  'src/protocol': ['src/lib', 'zod'],
  'src/version.ts': ['package.json'],
  'src/socket-preload.ts': ['node:*'],
  'src/index.ts': ['src/protocol', 'src/version.ts'],
  'src/cloudflare': ['src/lib', 'src/protocol', 'node:*', 'cloudflare', 'cloudflare/*', 'type src/accounts'],
  'src/project': ['src/lib', 'src/protocol', 'src/version.ts', 'node:*', '*', 'zod'],
  'src/accounts': [
    'src/lib',
    'src/protocol',
    'src/cloudflare',
    'src/version.ts',
    'node:*',
    '*',
    'zod',
    'type src/project',
    'src/project/kill-process-group.ts',
  ],
  'src/server': [
    'src/lib',
    'src/protocol',
    'src/transport',
    'src/accounts',
    'src/cloudflare',
    'src/project',
    'src/version.ts',
    'node:*',
    '*',
    'zod',
  ],
  'src/commands': [
    'src/protocol',
    'src/lib',
    'src/accounts',
    'src/server',
    'src/project',
    'src/version.ts',
    'node:*',
    '*',
  ],
  'src/cli.ts': ['src/server', 'src/commands'],
  worker: ['src/lib', 'src/transport', 'type src/protocol', 'node:*', 'comlink', 'execa'],
  bridge: [
    'src/lib',
    'src/protocol',
    'src/transport',
    'src/version.ts',
    'type worker/contract.ts',
    'node:*',
    'comlink',
    'type piscina',
    'zod',
  ],
};

const files = ['src', 'worker', 'bridge'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => join(folder, file).replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.ts') && !file.startsWith('src/project/templates/')),
);
const imports = files.flatMap(importsOf);

/** The statements of one file. Comments and the texts of template literals are no code. */
function importsOf(from: string): Import[] {
  const code = readFileSync(join(root, from), 'utf8')
    .replace(/^\s*\/\*[\s\S]*?\*\//gm, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/`(?:\\.|[^`\\])*`/g, '``');
  const statement = /^\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm;
  const call = /\bimport\(\s*'([^']+)'/g;
  return [
    ...[...code.matchAll(statement)].map(([, type, to]) => ({
      from,
      to: resolved(from, to as string),
      typeOnly: type !== undefined,
    })),
    ...[...code.matchAll(call)].map(([, to]) => ({
      from,
      to: resolved(from, to as string),
      typeOnly: false,
    })),
  ];
}

function resolved(from: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  const path = relative(root, resolve(root, dirname(from), specifier));
  return path.replaceAll('\\', '/').replace(/\.js$/, '.ts');
}

const isIn = (path: string, room: string) => path === room || path.startsWith(`${room}/`);
const isFile = (name: string) => /^(src|worker|bridge)\//.test(name) || name === 'package.json';

function isAllowed({ to, typeOnly }: Import, room: string, allowed: readonly string[]): boolean {
  if (isIn(to, room)) return true;
  return allowed.some((entry) => {
    const onlyTypes = entry.startsWith('type ');
    const target = onlyTypes ? entry.slice(5) : entry;
    if (onlyTypes && !typeOnly) return false;
    if (target === 'node:*') return to.startsWith('node:');
    if (target === '*') return !isFile(to) && !to.startsWith('node:') && to !== 'zod';
    if (target.endsWith('/*')) return to.startsWith(target.slice(0, -1));
    return isFile(to) ? isIn(to, target) : to === target;
  });
}

for (const [room, allowed] of Object.entries(RULES)) {
  test(`${room} imports only ${allowed.join(', ')}`, () => {
    const broken = imports
      .filter(({ from }) => isIn(from, room))
      .filter((found) => !isAllowed(found, room, allowed))
      .map(({ from, to, typeOnly }) => `${from} → ${to}${typeOnly ? ' (types)' : ''}`);
    assert.deepEqual(broken, []);
  });
}

test('every source file stands in a room, and what is imported exists', () => {
  const rooms = Object.keys(RULES);
  assert.deepEqual(
    files.filter((file) => !rooms.some((room) => isIn(file, room))),
    [],
  );
  const missing = imports.filter(({ to }) => isFile(to) && !existsSync(join(root, to)));
  assert.deepEqual(missing, []);
  // A parser that finds nothing would hold every rule.
  assert.ok(imports.length > 2 * files.length);
  assert.ok(imports.some(({ to, typeOnly }) => isIn(to, 'src/protocol') && typeOnly));
});

test('only src/cli.ts ends the process', () => {
  const ending = files.filter((file) => {
    const code = readFileSync(join(root, file), 'utf8').replace(/`(?:\\.|[^`\\])*`/g, '``');
    return /^(?!\s*(\/\/|\*)).*\bprocess\.(exit|abort|reallyExit)\(/m.test(code);
  });
  assert.deepEqual(ending, ['src/cli.ts']);
});

test('nothing listens on or connects to an inet socket by its own code', () => {
  const modules = imports.filter(({ to }) =>
    ['node:dgram', 'node:http2', 'node:tls', 'node:cluster'].includes(to),
  );
  assert.deepEqual(modules, []);
});

const workerBundle = join(root, 'dist/worker/main.cjs');
test('the built worker bundle holds no zod', { skip: !existsSync(workerBundle) && 'not built' }, () => {
  const bundle = readFileSync(workerBundle, 'utf8');
  for (const trace of ['ZodError', '$ZodType', 'safeParse', 'node_modules/zod']) {
    assert.ok(!bundle.includes(trace), `${trace} is in the bundle`);
  }
});

const bridgeBundle = join(root, 'dist/bridge/index.js');
test('the built library leaves comlink and zod to the user', {
  skip: !existsSync(bridgeBundle) && 'not built',
}, () => {
  const bundle = readFileSync(bridgeBundle, 'utf8');
  assert.match(bundle, /from ['"]comlink['"]/);
});
