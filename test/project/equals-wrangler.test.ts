import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MODULE_CONTENT_TYPES } from '../../src/cloudflare/workers.js';
import { prepareUpload } from '../../src/project/prepare-upload.js';
import type { WorkerUpload } from '../../src/project/upload.js';
import { parseParams } from '../../src/protocol/index.js';
import { type WranglerUpload, wranglerDryRun } from './wrangler.js';

const fixtures = fileURLToPath(new URL('fixtures', import.meta.url));
const encode = (text: string) => new TextEncoder().encode(text);
const decode = (content: Uint8Array) => new TextDecoder().decode(content);

let scratch: string;
before(async () => {
  scratch = await realpath(await mkdtemp(join(tmpdir(), 'ff-w-')));
});
after(() => rm(scratch, { recursive: true, force: true }));

/** Each kind of project, and what both are asked for. */
const PROJECTS: { fixture: string; env?: string; prepare?: (folder: string) => Promise<void> }[] = [
  { fixture: 'modules' },
  { fixture: 'javascript' },
  { fixture: 'environments' },
  { fixture: 'environments', env: 'staging' },
  { fixture: 'unbundled' },
  { fixture: 'additional' },
  { fixture: 'service-worker' },
  { fixture: 'node' },
  { fixture: 'settings' },
  { fixture: 'redirected', prepare: redirect },
  { fixture: 'custom-build' },
];

for (const { fixture, env, prepare } of PROJECTS) {
  test(`${fixture}${env ? ` (${env})` : ''}: the upload equals wrangler's`, async () => {
    const name = `${fixture}-${env ?? 'top'}`;
    const folder = join(scratch, name);
    await cp(join(fixtures, fixture), folder, { recursive: true });
    await prepare?.(folder);
    const params = parseParams('dashboard.deployWorker', { cwd: folder, env });
    const signal = new AbortController().signal;
    const [theirs, ours] = await Promise.all([
      wranglerDryRun(folder, join(scratch, `${name}-wrangler`), env ? ['--env', env] : []),
      prepareUpload(params, { cwd: '/', account: async () => 'cloud', signal, progress: () => {} }),
    ]);
    assertSameModules(ours, theirs);
    assertSameMetadata(ours, theirs);
  });
}

/** A build's word of the configuration that it wrote. */
async function redirect(folder: string): Promise<void> {
  const path = join(folder, '.wrangler/deploy/config.json');
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, '{ "configPath": "../../generated/wrangler.json" }');
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
    else assert.equal(comparable(mine), comparable(part), part.name);
  }
}

/** Code without its comments, which hold paths of the build and, in wrangler's, a source map that stays behind. */
function comparable({ contentType, content }: { contentType: string; content: Uint8Array }): string {
  if (!contentType.startsWith('application/javascript')) return Buffer.from(content).toString('base64');
  return decode(content)
    .replace(/^\/\/.*$/gm, '')
    .replace(/\s+/g, ' ');
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
void encode;
