import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readConfig } from '../../src/project/config.js';
import { prepareUpload } from '../../src/project/prepare-upload.js';
import type { WorkerUpload } from '../../src/project/upload.js';
import { type Params, parseParams, type SidecarError } from '../../src/protocol/index.js';
import { projectFolder, WORKER } from './project-folder.js';

const CONFIG = '{ "name": "api", "main": "index.ts", "compatibility_date": "2026-01-02" }';

function prepare(
  cwd: string,
  params: Params<'dashboard.deployWorker'> = {},
  account: 'local' | 'cloud' = 'local',
): Promise<WorkerUpload> {
  return prepareUpload(parseParams('dashboard.deployWorker', params), {
    cwd,
    account: async () => account,
    newestDate: async () => '2026-11-17',
    signal: new AbortController().signal,
    progress: () => {},
  });
}

const refusal = (upload: Promise<unknown>): Promise<SidecarError> =>
  upload.then(
    () => assert.fail('it was taken'),
    (error: SidecarError) => error,
  );

const codeOf = ({ modules }: WorkerUpload) => new TextDecoder().decode(modules[0]?.content);

const utf16le = (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le');
const utf16be = (text: string) => utf16le(text).swap16();
const bareUtf16 = (text: string) => Buffer.from(text, 'utf16le');
const latin1 = (text: string) => Buffer.from(text.replace('{', '{ /* caf\u00e9 */'), 'latin1');
const ENCODINGS = { utf16le, utf16be, bareUtf16, latin1 };

test('a file in another encoding is refused by its name and with what to do, whichever file it is', async (t) => {
  const files = {
    'wrangler.jsonc': CONFIG,
    'index.ts': WORKER,
    '.dev.vars': 'A={b}\n',
    'lib.ts': 'export const a = {};',
  };
  for (const [name, encode] of Object.entries(ENCODINGS)) {
    for (const file of ['wrangler.jsonc', 'index.ts', '.dev.vars', 'lib.ts'] as const) {
      const content = file === 'index.ts' ? files[file] : `${files[file]}`;
      const folder = await projectFolder(t, {
        ...files,
        'index.ts': `import { a } from './lib'; globalThis.a = a;\n${WORKER}`,
        [file]: encode(content),
      });
      const error = await refusal(prepare(folder));
      assert.match(
        error.message,
        new RegExp(`${file}: .*(UTF-16|Latin-1).*save it as UTF-8`),
        `${file} in ${name}`,
      );
      assert.ok(['file-error', 'build-failed'].includes(error.code), `${file} in ${name}: ${error.code}`);
    }
  }
});

test('UTF-8 with a byte order mark is read, and a NUL in a source is no other encoding', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.jsonc': `\uFEFF${CONFIG}`,
    'index.ts': `\uFEFFglobalThis.nul = '\0 caf\u00e9 caf\u00e9 caf\u00e9';\n${WORKER}`,
    '.dev.vars': '\uFEFFA=b\n',
  });
  assert.deepEqual((await prepare(folder)).bindings, [{ type: 'secret_text', name: 'A', text: 'b' }]);
});

test('a text module in another encoding is collected as it is, with a warning', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.jsonc': CONFIG,
    'index.ts': `import text from './words.txt'; globalThis.text = text;\n${WORKER}`,
    'words.txt': Buffer.from('caf\u00e9', 'latin1'),
  });
  assert.match((await prepare(folder)).warnings.join(), /words\.txt: .*Latin-1/);
});

test('an unknown field is told at every depth, and what is free to choose is not', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.jsonc': JSON.stringify({
      name: 'api',
      main: 'index.ts',
      compatibility_date: '2026-01-02',
      vars: { any: { thing: [{ goes: 1 }] } },
      define: { ANY: '1' },
      alias: { any: './index.ts' },
      triggers: { crons: [], cron: 'x' },
      build: { command: '', comand: 'x' },
      observability: { enabled: true, enbled: 1, logs: { invocation_log: true }, traces: { rate: 1 } },
      limits: { cpu: 5 },
      placement: { mode: 'off', modus: 'x' },
      tail_consumers: [{ service: 'a' }, { service: 'b', env: 'x' }],
      services: [{ binding: 'S', service: 's', props: {} }],
      kv_namespaces: [{ binding: 'K', ID: 'x' }],
      env: { e: { observability: { logs: { off: 1 } }, secrets: { needed: [] } } },
    }),
  });
  const path = join(folder, 'wrangler.jsonc');
  const told = async (env?: string) =>
    (await readConfig(path, env)).warnings.flatMap(
      (line) => /`(\w+)` of (\w+) is unknown/.exec(line)?.slice(1).join(' of ') ?? [],
    );
  const top = [
    'ID of kv_namespaces',
    'props of services',
    'env of tail_consumers',
    'cron of triggers',
    'comand of build',
    'modus of placement',
    'cpu of limits',
    'enbled of observability',
    'invocation_log of logs',
    'rate of traces',
  ];
  assert.deepEqual((await told()).sort(), top.sort());
  assert.deepEqual((await told('e')).sort(), [...top, 'off of logs', 'needed of secrets'].sort());
});

test('a KV id that is none of Cloudflare stands for a namespace on the local account, and is refused for Cloudflare', async (t) => {
  const withId = (id: string) =>
    projectFolder(t, {
      'wrangler.jsonc': `{ "name": "a", "main": "index.ts", "compatibility_date": "2026-01-02", "kv_namespaces": [{ "binding": "KV", "id": ${JSON.stringify(id)} }] }`,
      'index.ts': WORKER,
    });
  const ids = new Map<string, unknown>();
  for (const id of ['<YOUR_KV_ID>', 'my-kv', 'A'.repeat(32), '0'.repeat(33), '../../x', '\u00e4']) {
    const upload = await prepare(await withId(id));
    const [binding] = upload.bindings;
    assert.ok(binding?.type === 'kv_namespace' && /^[0-9a-f]{32}$/.test(binding.namespace_id ?? ''), id);
    assert.match(upload.warnings.join(), /KV binding KV.*stands for the namespace/);
    ids.set(id, binding.namespace_id);
    const [again] = (await prepare(await withId(id))).bindings;
    assert.deepEqual(again, binding, 'the same text is the same namespace');
    const refused = await refusal(prepare(await withId(id), {}, 'cloud'));
    assert.deepEqual([refused.code, /leave `id` out/.test(refused.message)], ['config-invalid', true]);
    assert.equal((await prepare(await withId(id), { dryRun: true }, 'cloud')).name, 'a');
  }
  assert.equal(new Set(ids.values()).size, ids.size);
});

test('a date that the Worker does not run with is told, with the one that it runs with', async (t) => {
  const later = new Date(Date.now() + 5 * 86_400_000).toISOString().slice(0, 10);
  const folder = await projectFolder(t, { 'index.ts': WORKER });
  const told = async (compatibilityDate: string, account?: 'local' | 'cloud', dryRun = false) =>
    (
      await prepare(folder, { entry: 'index.ts', name: 'a', compatibilityDate, dryRun }, account)
    ).warnings.join();
  assert.equal(await told('2026-11-01'), '');
  assert.equal(await told('2026-11-17'), '');
  assert.match(await told(later), new RegExp(`${later} is past today.*runs with 2026-11-17`));
  assert.match(await told(later, 'cloud'), /Cloudflare refuses/);
  assert.match(await told(later, 'local', true), /no account takes it/);
});

test('a Pages project and a missing entry file are told as what they are', async (t) => {
  const pages = await projectFolder(t, {
    'wrangler.toml': 'name = "site"\npages_build_output_dir = "dist"\ncompatibility_date = "2026-01-02"\n',
  });
  const refused = await refusal(prepare(pages));
  assert.deepEqual([refused.code, refused.data.field], ['unsupported', 'pages_build_output_dir']);
  assert.match(refused.message, /Pages project.*wrangler pages deploy/);
  const folder = await projectFolder(t, { 'wrangler.jsonc': CONFIG });
  const missing = await refusal(prepare(folder));
  assert.deepEqual(
    [missing.code, missing.data],
    ['file-error', { path: join(folder, 'index.ts'), errno: 'ENOENT' }],
  );
});

test("a project's own module rule takes its files, whatever default it hides", async (t) => {
  for (const additional of [false, true]) {
    const folder = await projectFolder(t, {
      'wrangler.jsonc': JSON.stringify({
        name: 'a',
        main: 'index.ts',
        compatibility_date: '2026-01-02',
        find_additional_modules: additional,
        rules: [
          { type: 'Text', globs: ['**/*.txt', '**/*.md'] },
          { type: 'Data', globs: ['**/*.bin'] },
        ],
      }),
      'index.ts': `import a from './words.txt'; import b from './sub/words.md'; import c from './x.bin'; globalThis.all = [a, b, c];\n${WORKER}`,
      'words.txt': 'a',
      'sub/words.md': 'b',
      'x.bin': 'c',
    });
    const { modules } = await prepare(folder);
    assert.deepEqual(
      modules
        .slice(1)
        .map(({ type, name }) => `${type} ${name.replace(/^.*[/-]/, '')}`)
        .sort(),
      ['data x.bin', 'text words.md', 'text words.txt'],
    );
  }
  const hidden = await projectFolder(t, {
    'wrangler.jsonc':
      '{ "name": "a", "main": "index.ts", "rules": [{ "type": "Text", "globs": ["**/*.md"] }] }',
    'index.ts': `import a from './words.txt'; globalThis.a = a;\n${WORKER}`,
    'words.txt': 'a',
  });
  assert.match(
    (await refusal(prepare(hidden))).message,
    /fallthrough/,
    'what only a hidden rule matches is still told',
  );
});

test("a package's file is found by its path though its exports do not list it, also from a folder below", async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.jsonc': '{ "name": "a", "main": "src/index.ts", "compatibility_date": "2026-01-02" }',
    'src/index.ts': `import words from 'pkg/words.txt'; import w from '@s/pkg/deep/w.wasm'; import e from 'pkg/told.txt'; globalThis.all = [words, w, e];\n${WORKER}`,
    'node_modules/pkg/package.json':
      '{ "name": "pkg", "exports": { ".": "./index.js", "./told.txt": "./dist/told.txt" } }',
    'node_modules/pkg/words.txt': 'words',
    'node_modules/pkg/dist/told.txt': 'told',
    'node_modules/@s/pkg/package.json': '{ "name": "@s/pkg", "exports": { ".": "./index.js" } }',
    'node_modules/@s/pkg/deep/w.wasm': 'wasm',
  });
  const { modules } = await prepare(folder);
  assert.deepEqual(
    modules
      .slice(1)
      .map(({ content }) => new TextDecoder().decode(content))
      .sort(),
    ['told', 'wasm', 'words'],
  );
});

test('a configuration that is named is taken, from its own folder, and nothing else is looked for', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.jsonc': '{ "name": "found", "main": "found.ts" }',
    '.wrangler/deploy/config.json': '{ "configPath": "./nowhere.json" }',
    'other/staging.toml': 'name = "named"\nmain = "index.ts"\ncompatibility_date = "2026-01-02"\n[env.e]\n',
    'other/index.ts': WORKER,
    'other/.dev.vars': 'OF=other\n',
    'entry.ts': `globalThis.entry = 1;\n${WORKER}`,
    'wrangler.yaml': 'name: a\n',
  });
  const config = 'other/staging.toml';
  const upload = await prepare(folder, { config });
  assert.equal(upload.name, 'named');
  assert.deepEqual(upload.bindings, [{ type: 'secret_text', name: 'OF', text: 'other' }]);
  assert.equal((await prepare(join(folder, 'other'), { config: 'staging.toml', env: 'e' })).name, 'named-e');
  assert.equal((await prepare('/', { config: join(folder, config) })).name, 'named');
  assert.equal((await prepare('/', { cwd: folder, config, entry: 'entry.ts' })).mainModule, 'entry.js');
  for (const [given, code] of [
    ['other/gone.toml', 'config-not-found'],
    ['other', 'config-invalid'],
    ['wrangler.yaml', 'config-invalid'],
  ] as const) {
    const refused = await refusal(prepare(folder, { config: given }));
    assert.deepEqual([refused.code, refused.message.includes(join(folder, given))], [code, true]);
  }
  assert.equal(
    (await refusal(prepare(folder, { name: 'a', script: WORKER, config }))).code,
    'invalid-params',
  );
});

test("with nodejs_compat `debug` is the package's main file, and without it that for browsers", async (t) => {
  for (const [flags, taken] of [
    [['nodejs_compat'], 'debug-of-node'],
    [[], 'debug-of-browsers'],
  ] as const) {
    const folder = await projectFolder(t, {
      'wrangler.jsonc': JSON.stringify({
        name: 'a',
        main: 'index.ts',
        compatibility_date: '2026-01-02',
        compatibility_flags: flags,
      }),
      'index.ts': `import debug from 'debug'; globalThis.debug = debug;\n${WORKER}`,
      'node_modules/debug/package.json':
        '{ "name": "debug", "main": "./node.js", "browser": "./browser.js" }',
      'node_modules/debug/node.js': 'module.exports = "debug-of-node";',
      'node_modules/debug/browser.js': 'module.exports = "debug-of-browsers";',
    });
    assert.ok(codeOf(await prepare(folder)).includes(taken), taken);
  }
});

test("the project's build finds the tools of node_modules/.bin, its own before those above and on PATH", {
  skip: process.platform === 'win32' && 'the tools here are scripts for sh',
}, async (t) => {
  const folder = await projectFolder(t, {
    'app/wrangler.jsonc':
      '{ "name": "a", "main": "index.js", "compatibility_date": "2026-01-02", "build": { "command": "near && far" } }',
    'app/node_modules/.bin/near': '#!/bin/sh\necho \'export default { from: "near" }\' > index.js\n',
    'node_modules/.bin/near': '#!/bin/sh\nexit 1\n',
    'node_modules/.bin/far': '#!/bin/sh\nexit 0\n',
  });
  for (const tool of ['app/node_modules/.bin/near', 'node_modules/.bin/near', 'node_modules/.bin/far'])
    await chmod(join(folder, tool), 0o755);
  assert.match(codeOf(await prepare(join(folder, 'app'))), /from: "near"/);
});
