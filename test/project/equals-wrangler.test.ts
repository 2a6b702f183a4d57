import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'es-module-lexer/js';
import { MODULE_CONTENT_TYPES } from '../../src/cloudflare/workers.js';
import { prepareUpload } from '../../src/project/prepare-upload.js';
import type { WorkerUpload } from '../../src/project/upload.js';
import { parseParams } from '../../src/protocol/index.js';
import { fixture } from '../accounts/local/workerd/runtime-fixture.js';
import { type WranglerUpload, wranglerDryRun } from './wrangler.js';

const fixtures = fileURLToPath(new URL('fixtures', import.meta.url));
const decode = (content: Uint8Array) => new TextDecoder().decode(content);
const signal = new AbortController().signal;

/** Each kind of project, and what both are asked for. */
const PROJECTS: { project: string; env?: string; prepare?: (folder: string) => Promise<void> }[] = [
  { project: 'modules' },
  { project: 'javascript' },
  { project: 'environments' },
  { project: 'environments', env: 'staging' },
  { project: 'unbundled' },
  { project: 'additional' },
  { project: 'service-worker' },
  { project: 'node' },
  { project: 'settings' },
  { project: 'redirected', prepare: redirect },
  { project: 'custom-build' },
  { project: 'packages', prepare: installPackages },
];

let scratch: string;
/** What both would upload of each project that was built so far. */
const built = new Map<string, { ours: WorkerUpload; theirs: WranglerUpload }>();

before(async () => {
  scratch = await realpath(await mkdtemp(join(tmpdir(), 'ff-w-')));
});
after(() => rm(scratch, { recursive: true, force: true }));

for (const { project, env, prepare } of PROJECTS) {
  const name = env === undefined ? project : `${project}-${env}`;
  test(`${name}: names, types, contents and bindings equal wrangler's`, async () => {
    const folder = join(scratch, name);
    await cp(join(fixtures, project), folder, { recursive: true });
    await prepare?.(folder);
    const params = parseParams('dashboard.deployWorker', { cwd: folder, env });
    const context = { cwd: '/', account: async () => 'cloud' as const, signal, progress: () => {} };
    // One after the other: both run the project's own build.
    const theirs = await wranglerDryRun(folder, `${folder}-wrangler`, env ? ['--env', env] : []);
    const ours = await prepareUpload(params, context);
    built.set(name, { ours, theirs });
    assertSameModules(ours, theirs);
    assertSameMetadata(ours, theirs);
  });
}

test("every project's Worker answers as wrangler's does", async (t) => {
  const { runtime } = await fixture(t);
  const pairs = [...built].map(([name, { ours, theirs }]) => ({
    ours: { ...ours, name: `${name}-ours` },
    theirs: { ...ours, name: `${name}-theirs`, modules: runnable(ours, theirs) },
  }));
  assert.equal(pairs.length, PROJECTS.length);
  await runtime.deploy(pairs.flatMap(({ ours, theirs }) => [ours, theirs]));
  for (const { ours, theirs } of pairs) {
    const answers = await Promise.all(
      [ours, theirs].map(async ({ name }) => {
        const response = await runtime.invoke(name, new Request('http://worker/'));
        return { status: response.status, body: await response.text() };
      }),
    );
    assert.equal(answers[0]?.status, 200, `${ours.name}: ${answers[0]?.body}`);
    assert.deepEqual(answers[0], answers[1], ours.name);
    assert.deepEqual(parsed(answers[0]?.body ?? ''), ANSWERS[ours.name.replace(/-ours$/, '')], ours.name);
  }
});

/** The modules of wrangler's upload, the main one first. */
function runnable(ours: WorkerUpload, { parts }: WranglerUpload): WorkerUpload['modules'] {
  const types = Object.fromEntries(Object.entries(MODULE_CONTENT_TYPES).map(([type, mime]) => [mime, type]));
  return parts.map(({ name, contentType, content }) => ({
    name,
    type: types[contentType] as WorkerUpload['modules'][number]['type'],
    content: name === ours.mainModule ? withoutMap(content) : content,
  }));
}

/** wrangler's bundle names a source map that is not uploaded. */
function withoutMap(content: Uint8Array): Uint8Array {
  return new TextEncoder().encode(decode(content).replace(/^\/\/# sourceMappingURL=.*$/m, ''));
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

/** A build's word of the configuration that it wrote. */
async function redirect(folder: string): Promise<void> {
  const path = join(folder, '.wrangler/deploy/config.json');
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, '{ "configPath": "../../generated/wrangler.json" }');
}

/** Packages that bundlers find one file or another of. */
async function installPackages(folder: string): Promise<void> {
  const files: Record<string, string> = {
    'conditional/package.json':
      '{ "name": "conditional", "exports": { "node": "./n.js", "workerd": "./w.js", "browser": "./b.js", "default": "./d.js" } }',
    'conditional/w.js': 'export default "workerd";',
    'conditional/b.js': 'export default "browser";',
    'conditional/d.js': 'export default "default";',
    'with-browser-field/package.json':
      '{ "name": "with-browser-field", "main": "m.js", "module": "e.js", "browser": "b.js" }',
    'with-browser-field/m.js': 'exports.value = "main";',
    'with-browser-field/e.js': 'export default { value: "module" };',
    'with-browser-field/b.js': 'exports.value = "browser";',
    'with-text/package.json': '{ "name": "with-text" }',
    'with-text/words.txt': 'from a package',
    'mini-jsx/package.json': '{ "name": "mini-jsx", "exports": { "./jsx-runtime": "./r.js" } }',
    'mini-jsx/r.js':
      'export const jsx = (tag, { children }) => "<" + tag + ">" + children + "</" + tag + ">";',
  };
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, 'node_modules', name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
}

function assertSameModules(ours: WorkerUpload, theirs: WranglerUpload): void {
  const modules = ours.modules.map(({ name, type, content }) => ({
    name,
    contentType: MODULE_CONTENT_TYPES[type] as string,
    content,
  }));
  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
  const described = (parts: { name: string; contentType: string }[]) =>
    [...parts].sort(byName).map(({ name, contentType }) => `${name}: ${contentType}`);
  assert.deepEqual(described(modules), described(theirs.parts));
  for (const part of theirs.parts) {
    const mine = modules.find(({ name }) => name === part.name);
    assert.ok(mine);
    if (part.contentType === 'application/source-map')
      assert.deepEqual(sources(mine.content), sources(part.content));
    else if (mine.contentType.startsWith('application/javascript')) assertSameShape(mine, part);
    else assert.deepEqual(Buffer.from(mine.content), Buffer.from(part.content), part.name);
  }
}

/** What code imports and exports. The code itself differs where the two esbuilds do; how it behaves is a test of its own. */
function assertSameShape(mine: { content: Uint8Array }, { name, content }: WranglerUpload['parts'][number]) {
  const shape = (code: string) => {
    const [imports, exports] = parse(code);
    return { imports: imports.map(({ n }) => n), exports: exports.map(({ n }) => n) };
  };
  assert.deepEqual(shape(decode(mine.content)), shape(decode(content)), name);
}

function sources(map: Uint8Array): unknown {
  const { version, file, sources } = JSON.parse(decode(map));
  return { version, file, sources };
}

function assertSameMetadata(ours: WorkerUpload, { metadata }: WranglerUpload): void {
  const [main] = ours.modules;
  assert.equal(main?.name, metadata.main_module ?? metadata.body_part);
  assert.equal(main?.type, metadata.main_module === undefined ? 'commonjs' : 'esm');
  assert.equal(ours.compatibilityDate, metadata.compatibility_date);
  assert.deepEqual(ours.compatibilityFlags, metadata.compatibility_flags);
  const parts = ['wasm_module', 'text_blob', 'data_blob'];
  const bindings = metadata.bindings.filter(({ type }) => !parts.includes(String(type)));
  const sorted = (list: object[]) => list.map((one) => JSON.stringify(one, Object.keys(one).sort())).sort();
  assert.deepEqual(sorted(ours.bindings), sorted(bindings));
}

/** What each project answers: that both fail alike would be no proof. */
const ANSWERS: Record<string, unknown> = {
  modules: {
    greeting: 'HELLO FROM A FILE!',
    page: '<p>page</p>\n',
    query: 'SELECT * FROM all_things;\n',
    readme: '# Read me\n',
    bytes: [0, 1, 2, 255],
    sum: 5,
    same: true,
    vars: ['hello', 3],
  },
  javascript: {
    html: '<main><b id="x">42</b></main>',
    legacy: 42,
    name: 'Helper',
    mode: 'production',
    agent: 'Cloudflare-Workers',
  },
  environments: { stage: 'top', colour: 'red', store: 'inside' },
  'environments-staging': { stage: 'staging', deep: { list: [1, 2] }, colour: 'blue', store: 'inside' },
  unbundled: { nested: 'nested', text: 'words\n', lazy: 'lazy', legacy: 'CommonJS' },
  additional: { page: 'home', bundled: 'bundled', words: 'words\n', home: 'home' },
  'service-worker': {
    greeting: 'hello',
    words: 'words\n',
    licence: 'a licence\n',
    helper: 'helped',
    bytes: [1, 2],
    sum: 42,
  },
  node: {
    base64: 'aGVsbG8=',
    hash: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
    heard: ['heard'],
    path: '/b',
    text: 'n 1',
    globals: ['object', 'function', 'object', 'function'],
    platform: 'linux',
    performance: 'number',
    readline: 'function',
    old: { inherited: true, path: '/' },
  },
  settings: {
    version: '1.2.3',
    debug: false,
    weight: 'light',
    now: 'now',
    page: '<group><i>label</i></group>',
    words: 'words\n',
  },
  redirected: { part: 'a part', from: 'the build' },
  'custom-build': 'deploy',
  packages: {
    chosen: 'workerd',
    field: 'browser',
    words: 'from a package',
    beside: 'beside\n',
    again: 'shared\n',
    shared: 'shared\n',
    data: { answer: 42 },
    later: 'later',
    html: '<b>bold</b>',
    builtins: ['function', 'function', true],
  },
};
