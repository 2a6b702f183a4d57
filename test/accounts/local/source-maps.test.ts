import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { TailSink } from '../../../src/accounts/account.js';
import { mapStack, mapTraceEvent, readSourceMaps } from '../../../src/accounts/local/source-maps.js';
import { uploadWorker } from '../../../src/cloudflare/workers.js';
import { prepareUpload } from '../../../src/project/prepare-upload.js';
import { parseParams } from '../../../src/protocol/index.js';
import { localAccount, never, temporaryFolder, until } from './fixture.js';

interface Failure {
  scriptName: string;
  exceptions: { message: string; stack?: string }[];
}

const encode = (text: string) => new TextEncoder().encode(text);

/** Builds, deploys, tails and calls Workers as their authors do. */
async function workers(t: TestContext) {
  const folder = await temporaryFolder(t);
  const { account, api } = await localAccount(t);
  const failures: Failure[] = [];
  const sink: TailSink = {
    push: (event) => failures.push(JSON.parse(event)),
    dropped() {},
    gap() {},
    end() {},
  };
  const tailed = new Map<string, { close(): Promise<void> }>();
  t.after(async () => {
    for (const tail of tailed.values()) await tail.close();
  });
  return {
    async build(name: string, main: string, files: Record<string, string>, config: object = {}) {
      const project = join(folder, name);
      const defaults = { name, main, compatibility_date: '2026-01-02', upload_source_maps: true };
      const all = { ...files, 'wrangler.json': JSON.stringify({ ...defaults, ...config }) };
      for (const [file, text] of Object.entries(all)) {
        await mkdir(dirname(join(project, file)), { recursive: true });
        await writeFile(join(project, file), text);
      }
      const context = {
        cwd: folder,
        account: async () => 'local' as const,
        signal: never(),
        progress: () => {},
      };
      const upload = await prepareUpload(parseParams('dashboard.deployWorker', { cwd: name }), context);
      await uploadWorker(api, upload, {}, never());
    },
    /** The stack that a tail tells of the request's exception. */
    async stackOf(workerName: string, path = '/') {
      if (!tailed.has(workerName)) {
        tailed.set(workerName, await account.openTail({ workerName }, sink, never()));
      }
      const before = failures.length;
      await account.invoke(workerName, new Request(`http://worker${path}`));
      await until(() => failures.length > before, `the event of ${workerName}`);
      return failures.at(-1)?.exceptions[0]?.stack ?? '';
    },
  };
}

test('stack traces in tails name the lines of the sources, in both formats, and after a redeploy', async (t) => {
  const { build, stackOf } = await workers(t);
  const minified = { minify: true, keep_names: false };
  const thrower = (lines: number) =>
    `${'\n'.repeat(lines)}export function fail(text: string): never {\n  throw new TypeError(text);\n}\n`;
  const entry = (start: string, end: string) =>
    `import { fail } from './fail';\n\ninterface Unused { a: string }\n\n${start} fail('as asked for'); ${end}\n`;
  const app = {
    'src/index.ts': entry('export default { fetch() {', '} };'),
    'src/fail.ts': thrower(3),
  };
  await build('app', 'src/index.ts', app, minified);
  const old = {
    'src/worker.ts': entry("addEventListener('fetch', () => {", '});'),
    'src/fail.ts': thrower(1),
  };
  await build('old', 'src/worker.ts', old, minified);
  assert.match(await stackOf('app'), /\(src\/fail\.ts:5:9\)\n.*\(src\/index\.ts:5:\d+\)/);
  assert.match(await stackOf('old'), /\(src\/fail\.ts:3:9\)\n.*src\/worker\.ts:5:\d+/);
  await build('app', 'src/index.ts', { 'src/fail.ts': thrower(9) }, minified);
  assert.match(await stackOf('app'), /\(src\/fail\.ts:11:9\)/);
  await build('app', 'src/index.ts', {}, { ...minified, upload_source_maps: false });
  assert.match(await stackOf('app'), /\(index\.js:1:\d+\)/);
});

const NASTY = fc.constantFrom(
  ...' ()%#?:\'"`<>[]{}&|^~;,=+@!$.-é日😀\u200f\u2028',
  '%20',
  '%E0',
  ' (',
  ':1:2',
  'at ',
);
const fileName = fc
  .array(fc.oneof(NASTY, fc.constantFrom('a', 'B', '7')), { minLength: 1, maxLength: 10 })
  .map((parts) => parts.join(''));
const odd = [
  'my file',
  'f (1)',
  'a:1:2',
  '100%',
  '50%20off',
  '%E0%A4',
  'a#b?c',
  'async x',
  'ü é',
  '<anonymous>',
];

test('a file may have any name, and its name comes out as the project has it', async (t) => {
  const { build, stackOf } = await workers(t);
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`SEED=${seed}`);
  const sampled = fc.sample(fileName, { seed, numRuns: 40 });
  const names = [...new Set([...odd, ...sampled])].map((name, at) => `${at % 3 ? '' : 'a (b) '}${at}${name}`);
  const thrower =
    '\ninterface A {}\nexport const fail = (): never => {\n  throw new Error("as asked for");\n};\n';
  const imports = names.map(
    (name, at) => `import { fail as f${at} } from ${JSON.stringify(`./lib/${name}.ts`)};`,
  );
  const calls = `export const all = [${names.map((_, at) => `f${at}`)}];\n`;
  const handler =
    'export default { async fetch(r: Request) {\n  all[Number(new URL(r.url).pathname.slice(1))]?.();\n} };\n';
  const files = Object.fromEntries(names.map((name) => [`src/lib/${name}.ts`, thrower]));
  await build('app', 'src/my entry (1).ts', {
    ...files,
    'src/my entry (1).ts': `${imports.join('\n')}\n${calls}${handler}`,
  });
  for (const [at, name] of names.entries()) {
    const stack = await stackOf('app', `/${at}`);
    const [first, second] = stack.split('\n');
    assert.ok(first?.endsWith(` (src/lib/${name}.ts:4:9)`), `SEED=${seed}: ${name} in ${stack}`);
    assert.match(second ?? '', / \(src\/my entry \(1\)\.ts:\d+:\d+\)$/);
  }
});

test('an entry may have any name too, in both of the registries of modules', async (t) => {
  const { build, stackOf } = await workers(t);
  const script = '\ninterface A {}\nexport default { fetch() { throw new Error("as asked for"); } };\n';
  for (const flags of [[], ['new_module_registry']]) {
    for (const name of flags.length === 0 ? odd : odd.slice(0, 4)) {
      const files = { [`${name}.ts`]: script };
      await build('app', `${name}.ts`, files, { compatibility_flags: flags });
      const stack = await stackOf('app');
      assert.ok(stack.endsWith(` (${name}.ts:3:34)`), `${flags} ${name} in ${stack}`);
    }
  }
});

test('modules that were built elsewhere are mapped by the files beside them, whatever these are called', async (t) => {
  const { build, stackOf } = await workers(t);
  const map = (source: string) =>
    JSON.stringify({ version: 3, sources: [source], names: [], mappings: ';AAEIA', file: 'x' });
  const module = (url: string) =>
    `export const fail = () => {\nthrow new Error("as asked for"); };\n//# sourceMappingURL=${url}\n`;
  const built = [
    { name: 'lib (1)', url: 'lib%20%281%29.js.map', source: '../src/lib%20%281%29.ts', as: 'src/lib (1).ts' },
    { name: 'raw%20', url: 'raw%20.js.map', source: '../src/100%.ts', as: 'src/100%.ts' },
    { name: 'b%', url: 'b%.js.map', source: '../src/%0Ab.ts', as: 'src/%0Ab.ts' },
  ];
  const files = Object.fromEntries(
    built.flatMap(({ name, url, source }) => [
      [`dist/${name}.js`, module(url)],
      [`dist/${name}.js.map`, map(source)],
    ]),
  );
  const imports = built.map(
    ({ name }, at) => `import { fail as f${at} } from ${JSON.stringify(`./${name}.js`)};`,
  );
  const entry = `${imports.join('\n')}
export default { fetch(r) { [f0, f1, f2][Number(new URL(r.url).pathname.slice(1))](); } };
//# sourceMappingURL=in.js.map`;
  const config = { no_bundle: true, rules: [{ type: 'ESModule', globs: ['**/*.js'] }] };
  await build('app', 'dist/in.js', { ...files, 'dist/in.js': entry, 'dist/in.js.map': map('in.ts') }, config);
  for (const [at, { as }] of built.entries()) {
    const stack = await stackOf('app', `/${at}`);
    assert.ok(stack.split('\n')[0]?.endsWith(` (${as}:3:5)`), stack);
  }
});

const MAP = JSON.stringify({ version: 3, sources: ['src/a.ts'], names: [], mappings: ';AAEIA' });
const MAPS = readSourceMaps('app', 'index.js', [
  { name: 'index.js', type: 'esm', content: encode('') },
  { name: 'index.js.map', type: 'sourcemap', content: encode(MAP) },
]);

test('what is no frame of a mapped module stays as it is', () => {
  const stack = [
    'Error: at index.js:2:1',
    '    at f (index.js:2:1)',
    '    at index.js:2:1',
    '    at async Object.fetch (other.js:2:1)',
    '    at g (index.js:9:1)',
    '    at g (index.js:0:0)',
    '    at an index.js:2:1',
    `    at ${'x'.repeat(100_000)} (index.js:2:1)`,
  ];
  assert.deepEqual(mapStack(stack.join('\n'), MAPS).split('\n'), [
    stack[0],
    '    at f (src/a.ts:3:5)',
    '    at src/a.ts:3:5',
    stack[3],
    stack[4],
    stack[5],
    stack[6],
    `    at ${'x'.repeat(100_000)} (src/a.ts:3:5)`,
  ]);
});

test('an event that nests deeper than a tail sends is left as it is', () => {
  const maps = new Map([['index.js', {} as never]]);
  const event = `{"stack":"x","deep":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
  assert.equal(mapTraceEvent(event, maps), event);
});

test('exceptions and the errors in logs are mapped, and an event without a stack is left untouched', () => {
  const event = {
    exceptions: [{ name: 'Error', message: 'm', stack: '    at index.js:2:1', timestamp: 1 }],
    logs: [{ level: 'error', message: ['e'], errorInfo: [{ stack: '    at index.js:2:1' }], timestamp: 1 }],
  };
  const mapped = JSON.parse(mapTraceEvent(JSON.stringify(event), MAPS));
  assert.equal(mapped.exceptions[0].stack, '    at src/a.ts:3:5');
  assert.equal(mapped.logs[0].errorInfo[0].stack, '    at src/a.ts:3:5');
  const other = '{ "spaced" : 1 }';
  assert.equal(mapTraceEvent(other, MAPS), other);
});

test('what is no source map is told when it is read, and a source that is not there maps nothing', () => {
  const read = (map: unknown) =>
    readSourceMaps('app', 'index.js', [
      { name: 'index.js.map', type: 'sourcemap', content: encode(JSON.stringify(map)) },
    ]);
  for (const map of [null, 5, [], {}, { sources: [], mappings: [5] }, { mappings: '' }]) {
    assert.throws(() => read(map), /mappings|sources|undefined/, JSON.stringify(map));
  }
  const frame = '    at f (index.js:2:1)';
  for (const sources of [[], [null], [5]]) {
    assert.equal(mapStack(frame, read({ version: 3, sources, names: [], mappings: ';AAEIA' })), frame);
  }
});
