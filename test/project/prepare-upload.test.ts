import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFAULT_COMPATIBILITY_DATE, prepareUpload } from '../../src/project/prepare-upload.js';
import type { WorkerUpload } from '../../src/project/upload.js';
import { type Params, parseParams } from '../../src/protocol/index.js';
import { until } from '../support/until.js';
import { projectFolder, WORKER } from './project-folder.js';

const CONFIG = '{ "name": "api", "main": "src/index.ts", "compatibility_date": "2026-01-02" }';

function prepare(params: Params<'dashboard.deployWorker'>, cwd = '/', signal = new AbortController().signal) {
  return prepareUpload(parseParams('dashboard.deployWorker', params), {
    cwd,
    account: async () => 'local',
    signal,
    progress: () => {},
  });
}

function text(upload: WorkerUpload, name: string): string {
  const found = upload.modules.find((module) => module.name === name);
  assert.ok(found, `${name} in ${upload.modules.map((module) => module.name)}`);
  return new TextDecoder().decode(found.content);
}

test('a script is the one ES module of the upload', async () => {
  const upload = await prepare({ name: 'hello', script: WORKER.replace(': Response', ''), vars: { A: '1' } });
  assert.equal(upload.name, 'hello');
  assert.equal(upload.mainModule, 'index.js');
  assert.equal(upload.compatibilityDate, DEFAULT_COMPATIBILITY_DATE);
  assert.deepEqual(upload.bindings, [{ type: 'plain_text', name: 'A', text: '1' }]);
  assert.equal(text(upload, 'index.js'), WORKER.replace(': Response', ''));
});

test('modules go up as given, the first one as the main module', async () => {
  const upload = await prepare({
    name: 'hello',
    modules: [
      { name: 'main.mjs', content: 'import t from "./a.txt"; export { default } from "./b.mjs";' },
      { name: './a.txt', type: 'text', content: 'ä' },
      { name: 'x.wasm', type: 'wasm', content: 'AGFzbQEAAAA=', encoding: 'base64' },
    ],
  });
  assert.equal(upload.mainModule, 'main.mjs');
  assert.equal(text(upload, './a.txt'), 'ä');
  assert.deepEqual([...(upload.modules[2]?.content ?? [])], [0, 97, 115, 109, 1, 0, 0, 0]);
});

const CONTRADICTIONS: [string, Params<'dashboard.deployWorker'>][] = [
  ['script and modules', { name: 'a', script: WORKER, modules: [{ name: 'a', content: WORKER }] }],
  ['script and cwd', { name: 'a', script: WORKER, cwd: '/' }],
  ['script and entry', { name: 'a', script: WORKER, entry: 'a.ts' }],
  ['script and env', { name: 'a', script: WORKER, env: 'e' }],
  ['script and minify', { name: 'a', script: WORKER, minify: true }],
  ['modules and entry', { name: 'a', modules: [{ name: 'a', content: WORKER }], entry: 'a.ts' }],
  ['script without a name', { script: WORKER }],
  ['modules without a name', { modules: [{ name: 'a', content: WORKER }] }],
  ['a main module that is text', { name: 'a', modules: [{ name: 'a', type: 'text', content: WORKER }] }],
  [
    'a module that is not base64',
    { name: 'a', modules: [{ name: 'a', content: '%%%%', encoding: 'base64' }] },
  ],
  [
    'one module name twice',
    {
      name: 'a',
      modules: [
        { name: 'a', content: WORKER },
        { name: 'a', content: WORKER },
      ],
    },
  ],
  [
    'one binding twice',
    { name: 'a', script: WORKER, vars: { A: '1' }, bindings: [{ type: 'plain_text', name: 'A', text: '2' }] },
  ],
];
for (const [title, params] of CONTRADICTIONS) {
  test(`${title}: invalid-params`, () => assert.rejects(prepare(params), { code: 'invalid-params' }));
}

test("a project in TypeScript becomes one ES module with wrangler's names for the files it imports", async (t) => {
  const wasm = Buffer.from('AGFzbQEAAAA=', 'base64');
  const folder = await projectFolder(t, {
    'wrangler.jsonc': CONFIG,
    'src/index.ts': `
      import { DurableObject } from 'cloudflare:workers';
      import { Buffer } from 'node:buffer';
      import greeting from './greeting.txt';
      import page from './page.html';
      import data from '../data.bin';
      import module from './add.wasm?module';
      import fromPackage from 'words/word.txt';
      import { helper } from './helper';
      export class Room extends DurableObject {}
      export default { fetch: () => new Response([greeting, page, data, module, Buffer, fromPackage, helper].join()) };`,
    'src/helper.ts': 'export const helper: string = "from the helper";',
    'src/greeting.txt': 'hello',
    'src/page.html': '<p>',
    'data.bin': new Uint8Array([1, 2, 3]),
    'src/add.wasm': wasm,
    'node_modules/words/package.json': '{"name":"words","version":"1.0.0"}',
    'node_modules/words/word.txt': 'word',
  });
  const upload = await prepare({}, folder);
  assert.equal(upload.mainModule, 'index.js');
  assert.equal(upload.compatibilityDate, '2026-01-02');
  const hashed = (content: string | Uint8Array, name: string) =>
    `./${createHash('sha1').update(content).digest('hex')}-${name}`;
  assert.deepEqual(
    new Map(upload.modules.slice(1).map(({ name, type }) => [name, type])),
    new Map([
      [hashed('hello', 'greeting.txt'), 'text'],
      [hashed('<p>', 'page.html'), 'text'],
      [hashed(new Uint8Array([1, 2, 3]), 'data.bin'), 'data'],
      [hashed(wasm, 'add.wasm'), 'wasm'],
      [hashed('word', 'word.txt'), 'text'],
    ]),
  );
  const main = text(upload, 'index.js');
  assert.match(main, /from "cloudflare:workers"/);
  assert.match(main, /from "node:buffer"/);
  assert.match(main, /from the helper/);
  assert.ok(main.includes(`from "${hashed('hello', 'greeting.txt')}"`));
  assert.match(upload.warnings.join(), /imports node:buffer: add the compatibility flag nodejs_compat/);
});

test('what the call says wins over the configuration', async (t) => {
  const folder = await projectFolder(t, {
    'app/wrangler.json': JSON.stringify({
      name: 'api',
      main: 'missing.ts',
      compatibility_date: '2026-01-02',
      compatibility_flags: ['a'],
      vars: { KEPT: 'k', CHANGED: 'old' },
      kv_namespaces: [{ binding: 'KV' }],
    }),
    'app/other.ts': `${WORKER}// a comment`,
  });
  const upload = await prepare(
    {
      cwd: 'app',
      name: 'mine',
      entry: 'other.ts',
      minify: true,
      compatibilityDate: '2025-05-05',
      compatibilityFlags: ['nodejs_compat'],
      vars: { CHANGED: 'new' },
      bindings: [{ type: 'r2_bucket', name: 'KV' }],
    },
    folder,
  );
  assert.equal(upload.name, 'mine');
  assert.equal(upload.mainModule, 'other.js');
  assert.equal(upload.compatibilityDate, '2025-05-05');
  assert.deepEqual(upload.compatibilityFlags, ['nodejs_compat']);
  assert.deepEqual(upload.bindings, [
    { type: 'plain_text', name: 'KEPT', text: 'k' },
    { type: 'plain_text', name: 'CHANGED', text: 'new' },
    { type: 'r2_bucket', name: 'KV' },
  ]);
  assert.equal(text(upload, 'other.js').trim().split('\n').length, 1);
});

test('define, alias, JSX, tsconfig paths and own rules are applied', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.jsonc': `{ "name": "api", "main": "src/index.js", "compatibility_date": "2026-01-02",
      "define": { "STAGE": "\\"blue\\"" }, "alias": { "heavy": "./src/light.js" }, "tsconfig": "./tsconfig.json",
      "jsx_factory": "h", "rules": [{ "type": "Text", "globs": ["**/*.md"], "fallthrough": true }] }`,
    'tsconfig.json': '{ "compilerOptions": { "paths": { "#lib/*": ["./lib/*"] } } }',
    'src/index.js': `import heavy from 'heavy'; import lib from '#lib/x.ts'; import md from './a.md'; import txt from './a.txt';
      const h = (tag) => tag;
      export default { fetch: () => new Response([STAGE, heavy, lib, md, txt, <b />, navigator.userAgent, process.env.NODE_ENV].join()) };`,
    'src/light.js': 'export default "light one";',
    'lib/x.ts': 'export default "from lib";',
    'src/a.md': '# md',
    'src/a.txt': 'txt',
  });
  const upload = await prepare({}, folder);
  const main = text(upload, 'index.js');
  for (const part of ['"blue"', 'light one', 'from lib', 'h("b"', '"Cloudflare-Workers"'])
    assert.ok(main.includes(part), part);
  assert.ok(!main.includes('process.env.NODE_ENV'));
  assert.deepEqual(upload.modules.map(({ type }) => type).sort(), ['esm', 'text', 'text']);
});

test('a file that only a hidden rule matches is refused, and so are rules for Python', async (t) => {
  const config = (type: string) =>
    `{ "name": "a", "main": "i.js", "compatibility_date": "2026-01-02", "rules": [{ "type": "${type}", "globs": ["**/*.md"] }] }`;
  const folder = await projectFolder(t, {
    'wrangler.json': config('Text'),
    'i.js': 'import x from "./x.txt"; export default { x };',
    'x.txt': 'x',
    'python/wrangler.json': config('PythonModule'),
    'python/i.js': 'export default {};',
  });
  await assert.rejects(prepare({}, folder), { code: 'build-failed', message: /"fallthrough": true/ });
  await assert.rejects(prepare({ cwd: 'python' }, folder), { code: 'unsupported' });
});

test('with nodejs_compat Node modules come from the runtime by either name, and from unenv where it has none', async (t) => {
  const folder = await projectFolder(t, {
    'i.js':
      'import { join } from "path"; import events from "node:events"; import tty from "node:tty"; ' +
      'export default { join, events, tty, pid: process.pid };',
  });
  const params = { entry: 'i.js', name: 'a' };
  const flags = { compatibilityFlags: ['nodejs_compat'], compatibilityDate: '2025-01-01' };
  const upload = await prepare({ ...params, ...flags }, folder);
  assert.match(text(upload, 'i.js'), /from "path"/);
  assert.match(text(upload, 'i.js'), /from "node:events"/);
  assert.match(text(upload, 'i.js'), /globalThis\.process = /);
  assert.doesNotMatch(text(upload, 'i.js'), /from "(node:)?tty"/);
  await assert.rejects(prepare(params, folder), {
    code: 'build-failed',
    message: /Could not resolve "path" \(it is a module of Node: add the compatibility flag nodejs_compat/,
  });
});

test('what no_bundle and module rules make of other settings is told', async (t) => {
  const base = { name: 'api', main: 'i.js', compatibility_date: '2026-01-02' };
  const folder = await projectFolder(t, {
    'wrangler.json': JSON.stringify({ ...base, no_bundle: true, minify: true, alias: { a: 'b' } }),
    'i.js': 'export default {};',
    'old/wrangler.json': JSON.stringify({ ...base, find_additional_modules: true }),
    'old/i.js': 'addEventListener("fetch", () => {});',
    'blob/wrangler.json': JSON.stringify({ ...base, text_blobs: { TEXT: './a.txt' } }),
    'blob/i.js': 'export default {};',
    'blob/a.txt': 'a',
  });
  const path = join(folder, 'wrangler.json');
  assert.deepEqual((await prepare({}, folder)).warnings, [
    `${path}: \`minify\` has no effect with \`no_bundle\`.`,
    `${path}: \`alias\` has no effect with \`no_bundle\`.`,
  ]);
  await assert.rejects(prepare({ cwd: 'old' }, folder), {
    code: 'config-invalid',
    message: /`find_additional_modules` needs a Worker that is a module/,
  });
  await assert.rejects(prepare({ cwd: 'blob' }, folder), {
    code: 'config-invalid',
    message: /`TEXT` is a file of the service-worker format/,
  });
});

test('a service worker that is not bundled sees the files beside it as globals, and no other code', async (t) => {
  const config = { name: 'api', main: 'i.js', no_bundle: true, compatibility_date: '2026-01-02' };
  const folder = await projectFolder(t, {
    'wrangler.json': JSON.stringify(config),
    'i.js': 'addEventListener("fetch", () => {});',
    'lib/a.txt': 'a',
    'more/wrangler.json': JSON.stringify({ ...config, rules: [{ type: 'ESModule', globs: ['**/*.js'] }] }),
    'more/i.js': 'addEventListener("fetch", () => {});',
    'more/b.js': 'export {};',
  });
  assert.deepEqual(
    (await prepare({}, folder)).modules.map(({ name, type }) => `${name} ${type}`),
    ['i.js commonjs', 'lib_a_txt text'],
  );
  await assert.rejects(prepare({ cwd: 'more' }, folder), {
    code: 'config-invalid',
    message: /has one script/,
  });
});

test('the source maps that prebuilt modules name go up with them, and a missing one is told', async (t) => {
  const map = { version: 3, sources: ['../src/i.ts', './x.ts'], sourceRoot: '', names: [], mappings: 'AAAA' };
  const folder = await projectFolder(t, {
    'wrangler.json': JSON.stringify({
      name: 'api',
      main: 'dist/i.js',
      no_bundle: true,
      upload_source_maps: true,
      compatibility_date: '2026-01-02',
    }),
    'dist/i.js': 'export default {};\n//# sourceMappingURL=i.js.map\n',
    'dist/i.js.map': JSON.stringify(map),
    'missing/wrangler.json': JSON.stringify({
      name: 'a',
      main: 'i.js',
      no_bundle: true,
      upload_source_maps: true,
    }),
    'missing/i.js': 'export default {};\n//# sourceMappingURL=gone.map\n',
  });
  const upload = await prepare({}, folder);
  assert.deepEqual(
    upload.modules.map(({ name, type }) => `${name} ${type}`),
    ['i.js esm', 'i.js.map sourcemap'],
  );
  assert.deepEqual(JSON.parse(text(upload, 'i.js.map')), {
    ...map,
    sources: ['src/i.ts', 'x.ts'],
    file: 'i.js',
  });
  await assert.rejects(prepare({ cwd: 'missing' }, folder), {
    code: 'build-failed',
    message: /gone\.map is not there/,
  });
});

test('a map beside a module is found by its URL or its name, and what is no source map is told', async (t) => {
  const config = { name: 'api', main: 'i.js', no_bundle: true, upload_source_maps: true };
  const withMap = (url: string, map: unknown, file: string) =>
    projectFolder(t, {
      'wrangler.json': JSON.stringify(config),
      'i.js': `export default {};\n//# sourceMappingURL=${url}\n`,
      [file]: JSON.stringify(map),
    });
  const map = { version: 3, sources: ['a.ts'], names: [], mappings: 'AAAA' };
  const found = { 'i%20%281%29.map': 'i (1).map', 'raw%20.map': 'raw%20.map', '100%.map': '100%.map' };
  for (const [url, file] of Object.entries(found)) {
    const upload = await prepare({}, await withMap(url, map, file));
    assert.deepEqual(JSON.parse(text(upload, 'i.js.map')), { ...map, file: 'i.js' });
  }
  for (const junk of [null, 5, 'x', [], { sources: 'a' }, { sources: [5] }, { sourceRoot: 5 }]) {
    await assert.rejects(
      prepare({}, await withMap('i.map', junk, 'i.map')),
      { code: 'build-failed', message: /i\.map is no source map/ },
      JSON.stringify(junk),
    );
  }
});

test('no_bundle uploads the entry as it is and the files that match a rule', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.json': JSON.stringify({
      name: 'api',
      main: 'dist/index.mjs',
      no_bundle: true,
      compatibility_date: '2026-01-02',
      rules: [{ type: 'ESModule', globs: ['**/*.mjs'] }],
    }),
    'dist/index.mjs': "import './lib/a.mjs'; export default {};",
    'dist/lib/a.mjs': 'export {};',
    'dist/a.txt': 'a',
    'dist/ignored.md': 'a',
    'dist/node_modules/b.txt': 'b',
  });
  const upload = await prepare({}, folder);
  assert.equal(upload.mainModule, 'index.mjs');
  assert.deepEqual(
    upload.modules.map(({ name, type }) => `${name} ${type}`),
    // As wrangler has it: node_modules is looked through too.
    ['index.mjs esm', 'a.txt text', 'lib/a.mjs esm', 'node_modules/b.txt text'],
  );
});

test('without a configuration the error lists every file that was looked for', async (t) => {
  const folder = await projectFolder(t);
  const looked = ['wrangler.json', 'wrangler.jsonc', 'wrangler.toml'].map((name) => join(folder, name));
  await assert.rejects(
    prepare({}, folder),
    (error: { code: string; message: string; data: { looked: string[] } }) => {
      assert.equal(error.code, 'config-not-found');
      assert.deepEqual(error.data.looked, looked);
      for (const path of looked) assert.ok(error.message.includes(path));
      assert.match(error.message, /Give `cwd`/);
      return true;
    },
  );
});

test('an entry file alone is enough, with a name', async (t) => {
  const folder = await projectFolder(t, { 'worker.ts': WORKER });
  const upload = await prepare({ entry: 'worker.ts', name: 'alone' }, folder);
  assert.equal(upload.mainModule, 'worker.js');
  assert.match(upload.warnings.join(), /no `compatibility_date`/);
  await assert.rejects(prepare({ entry: 'worker.ts' }, folder), { code: 'config-invalid' });
  await assert.rejects(prepare({ entry: 'other.ts', name: 'a' }, folder), { code: 'file-error' });
  await assert.rejects(prepare({ entry: 'worker.ts', name: 'a', env: 'e' }, folder), {
    code: 'config-not-found',
  });
});

test('wrangler.json wins over wrangler.jsonc and that over wrangler.toml, as in wrangler', async (t) => {
  const main = '"main": "i.ts", "compatibility_date": "2026-01-02"';
  const files = {
    'i.ts': WORKER,
    'wrangler.toml': 'name = "toml"\nmain = "i.ts"',
    'wrangler.jsonc': `{"name":"jsonc",${main}}`,
  };
  assert.equal((await prepare({}, await projectFolder(t, files))).name, 'jsonc');
  const all = { ...files, 'wrangler.json': `{"name":"json",${main}}` };
  assert.equal((await prepare({}, await projectFolder(t, all))).name, 'json');
});

test('what esbuild refuses is told with file, line and column', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.jsonc': CONFIG,
    'src/index.ts': `import x from './missing';\nimport y from './missing.txt';\nexport default { fetch: () => new Response(x + y) };`,
  });
  await assert.rejects(
    prepare({}, folder),
    (error: {
      code: string;
      message: string;
      data: { errors: { file: string; line: number; text: string }[] };
    }) => {
      assert.equal(error.code, 'build-failed');
      assert.deepEqual(
        error.data.errors.map(({ file, line }) => `${file}:${line}`),
        ['src/index.ts:1', 'src/index.ts:2'],
      );
      assert.match(error.message, /Could not bundle src\/index.ts: src\/index.ts:1:14: Could not resolve/);
      return true;
    },
  );
});

test('a Worker without a default export is a service worker wherever it comes from', async (t) => {
  const source = `addEventListener('fetch', (event) => event.respondWith(new Response('x')));`;
  const folder = await projectFolder(t, { 'wrangler.jsonc': CONFIG, 'src/index.ts': source });
  const uploads = await Promise.all([
    prepare({}, folder),
    prepare({ name: 'a', script: source }),
    prepare({ name: 'a', modules: [{ name: 'a.js', content: source }] }),
  ]);
  assert.deepEqual(
    uploads.map(({ modules }) => modules.map(({ type }) => type)),
    [['commonjs'], ['commonjs'], ['commonjs']],
  );
});

test('code that neither exports a default nor listens to an event is refused wherever it comes from', async (t) => {
  const source = 'export const fetch = () => new Response("x");';
  const folder = await projectFolder(t, { 'wrangler.jsonc': CONFIG, 'src/index.ts': source });
  const refused = { code: 'unsupported', message: /no default export and calls no addEventListener/ };
  await assert.rejects(prepare({}, folder), refused);
  await assert.rejects(prepare({ name: 'a', script: source }), refused);
  await assert.rejects(prepare({ name: 'a', modules: [{ name: 'a.js', content: source }] }), refused);
});

test('a service worker cannot import what the runtime has', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.jsonc': CONFIG,
    'src/index.ts': `import { env } from 'cloudflare:workers'; addEventListener('fetch', () => env);`,
  });
  await assert.rejects(prepare({}, folder), {
    code: 'build-failed',
    message: /service-worker format, and that cannot import cloudflare:workers/,
  });
});

test('a script that cannot be parsed is left to the runtime to refuse', async () => {
  const upload = await prepare({ name: 'a', script: 'export default {' });
  assert.equal(upload.modules.length, 1);
});

test('a cancelled build ends as cancelled and leaves no esbuild process', async (t) => {
  const folder = await projectFolder(t, { 'wrangler.jsonc': CONFIG, 'src/index.ts': WORKER });
  const controller = new AbortController();
  const building = prepare({}, folder, controller.signal);
  controller.abort();
  await assert.rejects(building, { code: 'cancelled', name: 'AbortError' });
  await assert.rejects(prepare({}, folder, controller.signal), { code: 'cancelled' });
});

test('several builds at once share one esbuild process, which ends after the last', async (t) => {
  const folder = await projectFolder(t, { 'wrangler.jsonc': CONFIG, 'src/index.ts': WORKER });
  // tsx keeps an esbuild process of its own.
  const before = esbuildChildren();
  const uploads = await Promise.all(Array.from({ length: 8 }, () => prepare({}, folder)));
  assert.ok(uploads.every(({ modules }) => modules.length === 1));
  const ours = () => esbuildChildren().filter((pid) => !before.includes(pid));
  await until('the end of esbuild', () => ours().length === 0);
});

test('more than 64 MiB of modules is refused before any upload, and more than 3 MiB gzipped is a warning', async () => {
  const modules = [{ name: 'a.js', content: 'export default {}' }];
  const big = Buffer.alloc(65 * 1024 * 1024).toString('base64');
  await assert.rejects(
    prepare({
      name: 'a',
      modules: [...modules, { name: 'b', type: 'data', content: big, encoding: 'base64' }],
    }),
    { code: 'limit-exceeded' },
  );
  const random = Buffer.alloc(4 * 1024 * 1024);
  for (let at = 0; at < random.length; at += 4) random.writeUInt32LE(Math.floor(Math.random() * 2 ** 32), at);
  const upload = await prepare({
    name: 'a',
    modules: [
      ...modules,
      { name: 'b', type: 'data', content: random.toString('base64'), encoding: 'base64' },
    ],
  });
  assert.match(upload.warnings.join(), /limit on the free plan is 3 MiB/);
});

test('a deploy writes nothing into the project', async (t) => {
  const folder = await projectFolder(t, { 'wrangler.jsonc': CONFIG, 'src/index.ts': WORKER });
  await prepare({}, folder);
  assert.deepEqual((await readdir(folder, { recursive: true })).sort(), [
    'src',
    'src/index.ts',
    'wrangler.jsonc',
  ]);
  assert.equal(await readFile(join(folder, 'wrangler.jsonc'), 'utf8'), CONFIG);
});

function esbuildChildren(): string[] {
  const listed = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], {
    encoding: 'utf8',
  });
  return listed.split('\n').filter((line) => line.includes('--service='));
}
